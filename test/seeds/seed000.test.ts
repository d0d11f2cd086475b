import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { seed000 } from './seed000.shared.js';

seed000(async () => new Engine(new CpuBackend()));
