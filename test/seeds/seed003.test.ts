import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { seed003 } from './seed003.shared.js';

seed003(async () => new Engine(new CpuBackend()));
