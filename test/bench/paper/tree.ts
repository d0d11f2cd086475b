// What statements and expressions mention.
import type { Block, Expression, Statement } from './syntax.js';

/** The variable that a place is part of. */
export function rootOf(target: Expression): string | undefined {
  if (target.kind === 'name') return target.name;
  if (target.kind === 'index' || target.kind === 'member') return rootOf(target.base);
  return target.kind === 'unary' ? rootOf(target.operand) : undefined;
}

export function namesOf(expression: Expression): string[] {
  switch (expression.kind) {
    case 'name':
      return [expression.name];
    case 'binary':
      return [...namesOf(expression.left), ...namesOf(expression.right)];
    case 'index':
      return [...namesOf(expression.base), ...namesOf(expression.at)];
    case 'call':
      return expression.operands.flatMap(namesOf);
    default:
      return [];
  }
}

/** Whether any statement of a block, and of the blocks in it, is such. */
function some(body: Block, is: (statement: Statement) => boolean): boolean {
  return body.some((each) => {
    if (is(each)) return true;
    if (each.kind === 'block') return some(each.body, is);
    if (each.kind === 'if') return some(each.then, is) || some(each.otherwise, is);
    return each.kind === 'loop' && some([...each.start, ...each.update, ...each.body], is);
  });
}
export const assigns = (body: Block, name: string | undefined): boolean =>
  some(body, (each) => each.kind === 'assign' && rootOf(each.target) === name);
/** Whether a body may leave its loop; a `break` of a loop in it counts too. */
export const leaves = (body: Block): boolean =>
  some(body, ({ kind }) => kind === 'break' || kind === 'return');

/** The variables that a block, or one in it, assigns. */
export function assignedIn(body: Block): string[] {
  const names = new Set<string>();
  some(body, (each) => {
    const name = each.kind === 'assign' ? rootOf(each.target) : undefined;
    if (name !== undefined) names.add(name);
    return false;
  });
  return [...names];
}
