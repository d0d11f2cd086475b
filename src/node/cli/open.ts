// Opens the engine and the data of a command, each with a line that says what it is and where it came from.

import { NablaError } from '../../core/errors.js';
import { openWith } from '../../engine/open.js';
import { GpuBackend } from '../../gpu/backend.js';
import { ask, findAdapter } from '../dawn.js';
import { mnist } from '../mnist.js';
import { tileStore } from '../tiles.js';
import type { EvalOptions, TrainOptions } from './options.js';
import { count } from './text.js';

/** Steps whose kernels a report's times are of. */
const SAMPLE = 16;

/**
 * A GPU engine; without an adapter the CPU one after a warning, or DeviceError where a GPU or one by name is asked for. A
 * report shows where the time went, by the first steps unless `profile` says all.
 */
export async function openEngine(options: EvalOptions & Partial<TrainOptions>) {
  const { backend, crossCheck = 'off', profile, report, subgroupMatrix, tune } = options;
  let source = 'CPU, float64';
  const open = openWith(async () => {
    const found = await findAdapter(undefined, subgroupMatrix);
    if ('missing' in found)
      return { ...found, missing: `${found.missing}; nabla doctor says what to do` };
    source = `WebGPU on ${found.source}${crossCheck === 'off' ? '' : `; cross-check ${crossCheck}`}`;
    const sample =
      report !== undefined && found.adapter.features.has('timestamp-query') ? SAMPLE : 0;
    const measured = { profile: profile || sample, tune: tune ? tileStore : undefined };
    return GpuBackend.open(found.adapter, { ask, subgroupMatrix, ...measured });
  });
  return { engine: await open({ ...(backend && { backend }), crossCheck }), source };
}

/** MNIST, or what a folder holds in MNIST's four files. Throws NablaError where they are missing or damaged. */
export async function openDigits(folder: string | undefined) {
  const { train, test } = await mnist(folder);
  const [pixels, other] = [train, test].map(({ values }) => values.inputs.shape[1]!);
  if (pixels !== other)
    throw new NablaError(
      `--data: training images have ${pixels} pixels and test images ${other}; they have one size`,
    );
  const source = `data    ${folder ?? 'MNIST'}: ${count(train.length)} training and ${count(test.length)} test digits`;
  const option = folder ? ` --data ${folder}` : '';
  return { train, test, inputs: pixels!, classes: 10, alphabet: undefined, source, option };
}
