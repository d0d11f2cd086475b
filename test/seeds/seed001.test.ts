import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { seed001 } from './seed001.shared.js';

seed001(async () => new Engine(new CpuBackend()));
