// The declarations as a consumer's compiler meets them: installed, resolved by the package's exports, checked themselves.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'nabla-types-'));
const installed = join(folder, 'node_modules/nabla');
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(() => {
  mkdirSync(installed, { recursive: true });
  copyFileSync(join(root, 'package.json'), join(installed, 'package.json'));
  const build = join(root, 'src/tsconfig.build.json');
  const { options, fileNames } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(build, ts.sys.readFile).config,
    ts.sys,
    join(root, 'src'),
  );
  // src is checked by tsc itself
  ts.createProgram(fileNames, {
    ...options,
    noCheck: true,
    outDir: join(installed, 'dist'),
  }).emit();
}, 60_000);

const consumer = `
import { add, defineOp, fit, loss, mul, nn, open, optim, pointwise, reshape, square, sum, tensor } from 'nabla';
import type { Dataset, EpochReport, OpFunction, Tensor, TensorData, Unary } from 'nabla';
import { type Port, remoteTrainer, serveTrainer, type ServedTrainer } from 'nabla/worker';
await using engine = await open({ backend: 'cpu' });
const x = tensor([1, 2]);
const { y } = await engine.run({ y: add(x, 1) });
export const first: number | undefined = y.data[0];
const [one, { two }] = await engine.run([x, { two: x }]);
const pair = engine.compile({ outputs: [x, { two: x }] });
export const places = [one.data, two.data, (await pair())[1].two.data];
// @ts-expect-error: it takes two
add(x);
// @ts-expect-error: misspelt
open({ bakend: 'cpu' });
export function train(data: Dataset, signal: { readonly aborted: boolean }) {
  const settings = { epochs: 1, batchSize: 1, optimizer: optim.sgd({ learningRate: 0.1 }), loss: loss.crossEntropy };
  return fit(engine, { ...settings, model: nn.sequential(nn.dense(2, 2), nn.dropout()), data, signal });
}
export async function trained(data: Dataset): Promise<EpochReport | undefined> {
  const last = await train(data, { aborted: false });
  // @ts-expect-error: there may be no report
  last.cost;
  return last;
}
export async function restored(own: nn.Layer, values: Record<string, TensorData>): Promise<string[]> {
  const model: nn.Module = nn.sequential(own, nn.batchNorm1d(2), { parameters: [x], apply: (y) => add(y, 1) });
  const updates: nn.BufferUpdate[] = [];
  model.apply(x, { training: true, updates });
  for (const [buffer, next] of updates) engine.compile({ updates: [[buffer, next]] });
  const { missing, unexpected, mismatched } = await model.load(engine, values, { strict: false });
  const { mismatched: again }: nn.LoadReport = await model.load(engine, new Map(Object.entries(values)));
  // @ts-expect-error: misspelt
  model.load(engine, values, { strickt: false });
  return [...model.state().keys(), ...missing, ...unexpected, ...mismatched, ...again];
}
export const bools = [tensor(true), tensor([[true], [false]]), tensor([1], { dtype: 'i32' }), tensor([1], undefined, {})];
// @ts-expect-error: a shape is no option
tensor([1], { shape: [1] });
// @ts-expect-error: shapes do not change
x.shape.push(1);
export const serve = (make: (epochs: number) => ServedTrainer, port: Port) => serveTrainer(make, port);
export async function remote(port: Port): Promise<number> {
  const trainer = await remoteTrainer(port, { epochs: 1 }, { onStep: ({ cost }) => cost });
  for await (const { accuracy } of trainer) if (accuracy) return accuracy;
  return (await trainer.pause()).step;
}
// rules know how many inputs there are, from the parameters of the reference
const cube = defineOp({
  name: 'cube',
  kernel: pointwise('cube', 'fn cube(x: f32) -> f32 { return x * x * x; }'),
  reference: (x: number) => x ** 3,
  vjp: ({ inputs: [x], cotangent }) => [mul(cotangent, mul(3, square(x)))],
  bound: { ulp: 4 },
});
export const cubed: Unary = cube;
// @ts-expect-error: it takes one
cube(x, x);
const mix = defineOp({
  name: 'mix',
  vjp: ({ inputs: [a, b, t], cotangent: u }) => [mul(u, t), mul(u, add(b, a)), undefined],
  jvp: ({ tangents: [a, , t] }) => add(a ?? 0, t ?? 0),
  reference: (a: number, b: number, t: number) => a + (b - a) * t,
  bound: ([, b], { data }) => Float64Array.from(data, () => b.shape.length),
  kernel: pointwise('mix_of', 'fn mix_of(a: f32, b: f32, t: f32) -> f32 { return mix(a, b, t); }'),
});
export const mixed: Tensor = mix(x, 1, cube(2));
// @ts-expect-error: it takes three
mix(x, 1);
defineOp({
  name: 'short',
  kernel: pointwise('short', 'fn short(x: f32) -> f32 { return x; }'),
  reference: (x: number) => x,
  // @ts-expect-error: there is no second input
  vjp: ({ inputs: [x, y], cotangent }) => [cotangent],
});
// ops of whole tensors have one input or more unless they say how many
const head = defineOp({
  name: 'head',
  shape: ([x]) => x.shape.slice(1),
  kernel: { kind: 'index', write: ({ inputs: [x], coordinates, read }) => read(0, ['0u', ...coordinates]) + x.rank },
  reference: ([x], _, { shape }) => x.data.slice(0, shape.length),
  vjp: ({ inputs: [x], cotangent }) => [mul(cotangent, x)],
});
export const heads: OpFunction<readonly [x: Tensor]> = head;
// @ts-expect-error: it takes one or more
head();
const pairwise = defineOp<readonly [a: Tensor, b: Tensor]>({
  name: 'pairwise',
  kernel: { kind: 'index', write: ({ flat, read }) => read(0, flat) + read(1, flat) },
  reference: ([a, b]) => a.data.map((value: number, i: number) => value + (b.data[i] ?? 0)),
  vjp: ({ inputs, cotangent }) => inputs.map(({ shape }) => reshape(sum(cotangent), shape)),
});
pairwise(x, x);
// @ts-expect-error: it takes two
pairwise(x);
`;
const strict = {
  strict: true,
  noEmit: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  types: [],
  target: ts.ScriptTarget.ES2022,
};

/** A program of one module that uses the package. */
function programOf(name: string, text: string, options: ts.CompilerOptions): ts.Program {
  const file = join(folder, `${name}.mts`);
  writeFileSync(file, text);
  return ts.createProgram([file], { ...strict, ...options });
}
const messages = (program: ts.Program): string[] =>
  ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ file, messageText }) =>
        `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );

const vite = {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
};
const node = { module: ts.ModuleKind.NodeNext, lib: ['lib.es2022.d.ts'] };

describe('a strict consumer that checks libraries compiles', () => {
  it('with the usual settings of Vite', () => {
    const signal =
      'export const stop = (data: Dataset) => train(data, new AbortController().signal);';
    const ports =
      "void remote(new Worker('trainer.js')); void remote(new MessageChannel().port1); serveTrainer(() => null!, self);";
    expect(messages(programOf('vite', consumer + signal + ports, vite))).toEqual([]);
  });

  it('in Node without DOM', () => {
    expect(messages(programOf('node', consumer, node))).toEqual([]);
  });
});

describe('every public function, overloads included, says what it does', () => {
  it.each([
    ['browser', vite],
    ['node', node],
  ] as const)('%s', (name, options) => {
    const program = programOf(
      `${name}-all`,
      "import * as nabla from 'nabla';\nexport { nabla };",
      options,
    );
    const checker = program.getTypeChecker();
    const silent = (module: ts.Symbol, path: string): string[] =>
      checker.getExportsOfModule(module).flatMap((entry) => {
        const symbol = entry.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(entry) : entry;
        if (symbol.flags & ts.SymbolFlags.Module) return silent(symbol, `${path}${entry.name}.`);
        if (!(symbol.flags & ts.SymbolFlags.Value)) return [];
        const own = symbol.getDocumentationComment(checker).length > 0;
        const said = checker
          .getTypeOfSymbol(symbol)
          .getCallSignatures()
          .map(
            (signature) =>
              own && (!ts.isFunctionDeclaration(signature.declaration!) || docOf(signature)),
          );
        return said.includes(false) ? [`${path}${entry.name}`] : [];
      });
    const docOf = (signature: ts.Signature): boolean =>
      signature.getDocumentationComment(checker).length > 0;
    const file = program
      .getSourceFiles()
      .find(({ fileName }) => fileName.endsWith(`index.${name}.d.ts`))!;
    expect(silent(checker.getSymbolAtLocation(file)!, '')).toEqual([]);
  });
});
