// The values of expressions as an invocation of a kernel sees them, and the loads that it takes to have them.
import type { Expression, Module, Subroutine } from './syntax.js';
import { rootOf } from './tree.js';
import {
  binary,
  builtin,
  integer,
  later,
  literal,
  none,
  plus,
  type Steps,
  unknown,
  type Value,
} from './values.js';

export interface Cell {
  value: Value;
}
export type Scope = Map<string, Cell>;

const axes = 'xyzw';
const globalStep: Steps = { global: 1, shared: 0 };
export const sharedStep: Steps = { global: 0, shared: 1 };

export abstract class Evaluator {
  protected readonly module: Module;
  protected readonly globals: Scope = new Map();
  protected scopes: Scope[] = [this.globals];
  /** Before this no load begins. */
  protected base = none;
  /** When all that has begun is there. */
  protected pending = none;
  protected loads = none;
  protected readonly loaded = new Set<string>();
  protected readonly stored = new Set<string>();

  constructor(module: Module) {
    this.module = module;
    for (const [name, value] of module.constants)
      this.globals.set(name, { value: this.evaluate(value) });
    for (const [name, space] of module.variables)
      if (space === 'private') this.globals.set(name, { value: unknown(none) });
  }

  /** Invocations of a workgroup, along each axis. */
  size(): number[] {
    return this.module.size.map((each) => Number(this.evaluate(each).is));
  }

  protected abstract call(called: Subroutine, values: readonly Value[]): Value;

  protected lookUp(name: string): Cell | undefined {
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const found = this.scopes[i]!.get(name);
      if (found) return found;
    }
    return undefined;
  }

  protected spaceOf(target: Expression): 'storage' | 'workgroup' | undefined {
    const name = rootOf(target);
    if (name === undefined || this.lookUp(name)) return undefined;
    const space = this.module.variables.get(name);
    return space === 'private' ? undefined : space;
  }

  protected load(space: 'storage' | 'workgroup', address: Steps): Value {
    const step = space === 'storage' ? globalStep : sharedStep;
    const at = plus(later(this.base, address), step);
    this.loads = plus(this.loads, step);
    this.pending = later(this.pending, at);
    return unknown(at);
  }

  protected evaluate(expression: Expression): Value {
    switch (expression.kind) {
      case 'number':
        return literal(expression.text);
      case 'name':
        return this.variable(expression.name);
      case 'index':
      case 'member':
        return this.part(expression);
      case 'call':
        return this.callOf(expression.name, expression.operands);
      case 'unary': {
        const { operator, operand } = expression;
        if (operator === '&') return unknown(none); // an address
        const value = this.evaluate(operand);
        if (operator === '!' && typeof value.is === 'boolean') return { ...value, is: !value.is };
        if (operator === '-' && typeof value.is === 'number') return { ...value, is: -value.is };
        return operator === '*' ? value : { ...value, is: undefined };
      }
      case 'binary': {
        const { operator, left, right } = expression;
        return binary(operator, this.evaluate(left), this.evaluate(right));
      }
      default:
        return expression satisfies never;
    }
  }

  protected variable(name: string): Value {
    if (name === 'true' || name === 'false') return { ...integer(0, true), is: name === 'true' };
    const cell = this.lookUp(name);
    if (cell) return cell.value;
    const space = this.module.variables.get(name);
    return space && space !== 'private' ? this.load(space, none) : unknown(none);
  }

  /** An element or a member: a load, where it lies in a buffer or in workgroup memory. */
  protected part(expression: Extract<Expression, { kind: 'index' | 'member' }>): Value {
    const space = this.spaceOf(expression);
    if (space) {
      const name = rootOf(expression);
      if (space === 'storage' && name !== undefined) this.loaded.add(name);
      return this.load(space, this.addressOf(expression));
    }
    const base = this.evaluate(expression.base);
    if (expression.kind === 'index') {
      const { is, at } = this.evaluate(expression.at);
      const element = Array.isArray(base.is) && typeof is === 'number' ? base.is[is] : undefined;
      return { ...base, is: element, at: later(base.at, at) };
    }
    const axis = axes.indexOf(expression.name);
    return { ...base, is: Array.isArray(base.is) && axis >= 0 ? base.is[axis] : undefined };
  }

  /** When the address of a part is there. */
  protected addressOf(expression: Expression): Steps {
    if (expression.kind === 'index')
      return later(this.addressOf(expression.base), this.evaluate(expression.at).at);
    return expression.kind === 'member' ? this.addressOf(expression.base) : none;
  }

  protected callOf(name: string, operands: readonly Expression[]): Value {
    const own = this.module.functions.get(name);
    if (name === 'workgroupBarrier' || name === 'storageBarrier') return this.barrier();
    const memory = operands.find((each) => each.kind === 'unary' && each.operator === '&');
    const values = operands.map((each) => this.evaluate(each));
    if (own) return this.call(own, values);
    const result = builtin(name, values);
    if (memory?.kind === 'unary') {
      const space = this.spaceOf(memory.operand);
      if (name === 'workgroupUniformLoad') this.barrier();
      if (space && name !== 'arrayLength')
        return this.load(space, later(result.at, this.addressOf(memory.operand)));
    }
    // lanes hand each other values as quickly as workgroup memory does
    return name.startsWith('subgroup') ? unknown(plus(result.at, sharedStep)) : result;
  }

  protected barrier(): Value {
    this.base = later(this.base, this.pending);
    return unknown(none);
  }
}
