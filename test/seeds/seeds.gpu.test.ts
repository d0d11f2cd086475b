// The seeds' examples again, on the GPU.
import { openGpuEngine } from '../support/engine.js';
import { seed000 } from './seed000.shared.js';
import { seed001 } from './seed001.shared.js';
import { seed002 } from './seed002.shared.js';
import { seed003 } from './seed003.shared.js';
import { seed004 } from './seed004.shared.js';

for (const seed of [seed000, seed001, seed002, seed003, seed004]) seed(openGpuEngine);
