// Opens the engine and the data of a command, each with a line that says what it is and where it came from.

import { NablaError } from '../../core/errors.js';
import { sizeOf } from '../../core/shape.js';
import type { Dataset } from '../../data/dataset.js';
import { openWith } from '../../engine/open.js';
import { GpuBackend } from '../../gpu/backend.js';
import { ask, findAdapter, forcedClass } from '../dawn.js';
import { openFolder } from '../folder.js';
import { mnist } from '../mnist.js';
import { tileStore } from '../tiles.js';
import type { EvalOptions, TrainOptions } from './options.js';
import { count } from './text.js';

/** Steps whose kernels are timed for a report. */
const SAMPLE = 16;

/**
 * Opens a GPU engine; without an adapter it warns and opens the CPU engine, or throws DeviceError where a GPU was asked for.
 * For a report the kernels of the first steps are timed, with `profile` those of all.
 */
export async function openEngine(options: EvalOptions & Partial<TrainOptions>) {
  const { backend, crossCheck = 'off', profile, report, subgroupMatrix, tune, precision } = options;
  const f16 = precision === 'f16';
  let source = 'CPU, float64';
  const open = openWith(async () => {
    const found = await findAdapter(undefined, { subgroupMatrix, f16 });
    if ('missing' in found)
      return { ...found, missing: `${found.missing}; nabla doctor says what to do` };
    const checks = crossCheck === 'off' ? '' : `; cross-check ${crossCheck}`;
    source = `WebGPU on ${found.source}${checks}`;
    const hasTimes = found.adapter.features.has('timestamp-query');
    const sample = report !== undefined && hasTimes ? SAMPLE : 0;
    const measured = { profile: profile || sample, tune, tiles: async () => tileStore };
    const adapterClass = forcedClass();
    return GpuBackend.open(found.adapter, { ask, subgroupMatrix, adapterClass, ...measured });
  }, openFolder);
  return { engine: await open({ ...(backend && { backend }), crossCheck, f16 }), source };
}

/** MNIST, or what a folder holds in MNIST's four files. Throws NablaError where they are missing or damaged. */
export async function openDigits(folder: string | undefined) {
  const { train, test } = await mnist(folder);
  const pixelsOf = ({ values }: Dataset): number => sizeOf(values.inputs.shape.slice(1));
  const pixels = pixelsOf(train);
  const other = pixelsOf(test);
  if (pixels !== other)
    throw new NablaError(
      `--data: training images have ${pixels} pixels and test images ${other}; they have one size`,
    );
  const examples = `${count(train.length)} training and ${count(test.length)} test digits`;
  const source = `data    ${folder ?? 'MNIST'}: ${examples}`;
  const option = folder ? ` --data ${folder}` : '';
  return { train, test, inputs: pixels, classes: 10, alphabet: undefined, source, option };
}
