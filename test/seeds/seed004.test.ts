import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { seed004 } from './seed004.shared.js';

seed004(async () => new Engine(new CpuBackend()));
