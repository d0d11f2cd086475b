// How full the statements of a module are, and what makes them hard to read. No formatter changes these counts.
import ts from 'typescript';
import { type File, parse } from './source.js';

export interface Density {
  /**
   * Tokens of each statement and class member. What lies in a statement of its own, such as the body of a function or of a
   * branch, counts there and not in the statement around it; comments count nowhere.
   */
  readonly statements: readonly number[];
  /** All tokens of the file. */
  readonly tokens: number;
  /** Lines on which a `!` claims that a value is there. */
  readonly assertions: readonly number[];
  /** Lines on which an `as` changes a type; `as const` does not. */
  readonly casts: readonly number[];
  /** Lines on which an array pattern is initialised by an array literal: `const [a, b] = [x, y]`. */
  readonly pairs: readonly number[];
  /** Lines on which a template literal begins inside another. */
  readonly nestedTemplates: readonly number[];
}

const isCast = (node: ts.Node): boolean =>
  ts.isTypeAssertionExpression(node) ||
  (ts.isAsExpression(node) && !ts.isConstTypeReference(node.type));

/** A declaration of several names beside a list of what each begins as. */
const isPair = (node: ts.Node): boolean =>
  ts.isVariableDeclaration(node) &&
  ts.isArrayBindingPattern(node.name) &&
  node.initializer !== undefined &&
  ts.isArrayLiteralExpression(node.initializer);

const isTemplate = (node: ts.Node): boolean =>
  ts.isTemplateExpression(node) || ts.isNoSubstitutionTemplateLiteral(node);

/** Whether a node is counted by itself. A block is not: its braces belong to the statement around it. */
const isOwnStatement = (node: ts.Node): boolean =>
  (ts.isStatement(node) && !ts.isBlock(node)) || ts.isClassElement(node);

const isToken = (node: ts.Node, tree: ts.SourceFile): boolean =>
  node.getChildCount(tree) === 0 && node.getWidth(tree) > 0;

/** Counts what a module holds. */
export function densityOf(file: File): Density {
  const tree = parse(file);
  const statements: { tokens: number }[] = [];
  const outside = { tokens: 0 };
  const assertions: number[] = [];
  const casts: number[] = [];
  const pairs: number[] = [];
  const nestedTemplates: number[] = [];

  const note = (node: ts.Node, lines: number[]): void => {
    lines.push(tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1);
  };
  const visit = (node: ts.Node, around: { tokens: number }, inTemplate: boolean): void => {
    if (ts.isJSDoc(node)) return;
    let statement = around;
    if (isOwnStatement(node)) {
      statement = { tokens: 0 };
      statements.push(statement);
    }
    if (isToken(node, tree)) statement.tokens++;
    if (ts.isNonNullExpression(node)) note(node, assertions);
    if (isCast(node)) note(node, casts);
    if (isPair(node)) note(node, pairs);
    if (inTemplate && isTemplate(node)) note(node, nestedTemplates);
    for (const child of node.getChildren(tree))
      visit(child, statement, inTemplate || isTemplate(node));
  };
  visit(tree, outside, false);

  const counts = statements.map(({ tokens }) => tokens);
  const tokens = counts.reduce((sum, each) => sum + each, outside.tokens);
  return { statements: counts, tokens, assertions, casts, pairs, nestedTemplates };
}

/** The number below which a share of all numbers lies, or which it reaches. */
export function percentile(numbers: readonly number[], share: number): number {
  const ascending = numbers.toSorted((a, b) => a - b);
  return ascending[Math.floor(share * (ascending.length - 1))] ?? 0;
}
