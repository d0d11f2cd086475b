// Parses expressions of arithmetic, functions and names into graphs; no input can run code.
import jsep from 'jsep';
import { NablaError } from '../../core/errors.js';
import type { Tensor } from '../../graph/tensor.js';
import { activations } from '../../ops/activation.js';
import {
  abs,
  add,
  cos,
  div,
  exp,
  hadamard,
  log,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  sin,
  sqrt,
  square,
  sub,
} from '../../ops/arithmetic.js';
import { full } from '../../ops/leaf.js';
import { dot, matmul, outer } from '../../ops/matmul.js';
import { max, mean, min, sum } from '../../ops/reduce.js';
import { logSoftmax, logSumExp, softmax } from '../../ops/softmax.js';
import { transpose } from '../../ops/view.js';

type OfOne = (x: Tensor) => Tensor;
type OfTwo = (a: Tensor, b: Tensor) => Tensor;

const elementwise = { abs, cos, exp, log, neg, sin, sqrt, square };
const reductions = { logSoftmax, logSumExp, max, mean, min, softmax, sum };
const ofOne: ReadonlyMap<string, OfOne> = new Map<string, OfOne>(
  Object.entries({ ...activations, ...elementwise, ...reductions, transpose }),
);
const products = { dot, hadamard, matmul, mul, outer };
const ofTwo: ReadonlyMap<string, OfTwo> = new Map<string, OfTwo>(
  Object.entries({ ...products, add, div, maximum, minimum, pow, sub }),
);
const operators: ReadonlyMap<string, OfTwo> = new Map<string, OfTwo>([
  ['+', add],
  ['-', sub],
  ['*', mul],
  ['/', div],
  ['^', pow],
]);
// binds closer than × and groups from the right
jsep.addBinaryOp('^', 11, true);

function call(name: string, args: readonly Tensor[]): Tensor {
  const unary = ofOne.get(name);
  const binary = ofTwo.get(name);
  const known = [...ofOne.keys(), ...ofTwo.keys()].sort();
  if (!unary && !binary) throw new NablaError(`'${name}' is no function; use ${known.join(', ')}`);
  const [a, b] = args;
  if (unary && a && args.length === 1) return unary(a);
  if (binary && a && b && args.length === 2) return binary(a, b);
  throw new NablaError(`${name} takes ${binary ? 2 : 1} and is given ${args.length}`);
}

/** Whether a node is of one of jsep's own types, as all are without plugins. */
const isCore = (node: jsep.Expression): node is jsep.CoreExpression => 'type' in node;

/** Builds the graph of an expression over known names. Throws NablaError naming the part that is not supported. */
export function parseExpression(text: string, names: ReadonlyMap<string, Tensor>): Tensor {
  const ofName = (name: string): Tensor => {
    const node = names.get(name);
    if (node) return node;
    throw new NablaError(`'${name}' has no value; use ${[...names.keys()].join(', ')}`);
  };
  const ofBinary = ({ operator, left, right }: jsep.BinaryExpression): Tensor => {
    const combine = operators.get(operator);
    if (!combine) return refuse(operator);
    if (operator !== '^') return combine(visit(left), visit(right));
    if (left.type === 'UnaryExpression')
      throw new NablaError(`'${text}': a minus before ^ is ambiguous; write -(x^2) or neg(x)^2`);
    return right.value === 2 ? square(visit(left)) : combine(visit(left), visit(right));
  };
  const refuse = (part: string): never => {
    const fix = 'use + - * / ^, functions and names';
    throw new NablaError(`'${text}': ${part} is not supported; ${fix}`);
  };
  const visit = (node: jsep.Expression): Tensor => {
    if (!isCore(node)) return refuse(String(node));
    switch (node.type) {
      case 'Literal':
        return typeof node.value === 'number' ? full([], node.value) : refuse(node.type);
      case 'Identifier':
        return ofName(node.name);
      case 'BinaryExpression':
        return ofBinary(node);
      case 'UnaryExpression':
        return node.operator === '-' ? neg(visit(node.argument)) : refuse(node.operator);
      case 'CallExpression':
        if (node.callee.type !== 'Identifier') return refuse(node.type);
        return call(String(node.callee.name), node.arguments.map(visit));
      default:
        return refuse(node.type);
    }
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
