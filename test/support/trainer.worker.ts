import { serveTrainer } from '../../src/index.worker.js';
import { setUp } from './trainer.js';

serveTrainer(setUp);
