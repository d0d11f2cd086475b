import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { GpuBackend } from '../../src/gpu/backend.js';
import { openAdapter } from './adapter.js';

/** The GPU engine of this environment: Dawn in Node, navigator.gpu in Chromium. */
export const openGpuEngine = async (): Promise<Engine> =>
  new Engine(await GpuBackend.open(await openAdapter()));

/** The float64 reference. */
export const openCpuEngine = (): Engine => new Engine(new CpuBackend());
