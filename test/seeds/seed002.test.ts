import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { seed002 } from './seed002.shared.js';

seed002(async () => new Engine(new CpuBackend()));
