// Parses expressions of arithmetic, functions and names into graphs; no input can run code.
import jsep from 'jsep';
import { NablaError } from '../../core/errors.js';
import type { Tensor, TensorLike } from '../../graph/tensor.js';
import { activations } from '../../ops/activation.js';
import * as arithmetic from '../../ops/arithmetic.js';
import { full } from '../../ops/leaf.js';
import { dot, matmul, outer } from '../../ops/matmul.js';
import { max, mean, min, sum } from '../../ops/reduce.js';
import { logSoftmax, logSumExp, softmax } from '../../ops/softmax.js';
import { transpose } from '../../ops/view.js';

const reductions = { logSoftmax, logSumExp, max, mean, min, softmax, sum };
const functions = { ...activations, ...arithmetic, ...reductions, dot, matmul, outer, transpose };
const ofTwo = new Set('add div dot hadamard matmul maximum minimum mul outer pow sub'.split(' '));
const operators: Readonly<Record<string, string>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '^': 'pow',
};
// binds closer than × and groups from the right
jsep.addBinaryOp('^', 11, true);

type Parts = Record<'operator' | 'name', string> &
  Record<'left' | 'right' | 'argument' | 'callee', jsep.Expression>;

function call(name: string, args: readonly TensorLike[]): Tensor {
  if (!Object.hasOwn(functions, name))
    throw new NablaError(
      `'${name}' is no function; use ${Object.keys(functions).sort().join(', ')}`,
    );
  const takes = ofTwo.has(name) ? 2 : 1;
  if (args.length !== takes)
    throw new NablaError(`${name} takes ${takes} and is given ${args.length}`);
  return (functions[name as 'exp'] as (...all: readonly TensorLike[]) => Tensor)(...args);
}

/** A tensor from text over known names. Throws NablaError saying which part means nothing here. */
export function parseExpression(text: string, names: ReadonlyMap<string, Tensor>): Tensor {
  const visit = (node: jsep.Expression): Tensor => {
    const { operator, name, left, right, argument, callee } = node as jsep.Expression & Parts;
    if (node.type === 'Literal' && typeof node.value === 'number') return full([], node.value);
    if (node.type === 'Identifier' && names.has(name)) return names.get(name)!;
    if (node.type === 'Identifier')
      throw new NablaError(`'${name}' has no value; it knows ${[...names.keys()].join(', ')}`);
    if (operator === '^' && left.type === 'UnaryExpression')
      throw new NablaError(`'${text}': a minus before ^ reads two ways; write -(x^2) or neg(x)^2`);
    if (operator === '^' && right.value === 2) return arithmetic.square(visit(left));
    if (node.type === 'BinaryExpression' && operators[operator])
      return call(operators[operator], [left, right].map(visit));
    if (node.type === 'UnaryExpression' && operator === '-') return arithmetic.neg(visit(argument));
    if (node.type === 'CallExpression' && callee.type === 'Identifier')
      return call(String(callee.name), (node.arguments as jsep.Expression[]).map(visit));
    throw new NablaError(
      `'${text}': ${operator ?? node.type} means nothing here; use + - * / ^, functions and names`,
    );
  };
  try {
    return visit(jsep(text));
  } catch (error) {
    // jsep's own errors have a place in the text
    throw error instanceof Error && 'index' in error
      ? new NablaError(`'${text}': ${error.message}`)
      : error;
  }
}
