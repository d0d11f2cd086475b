// Entry of the page's script: fills the page from the runs embedded in it, one in full or several side by side.
import type { Run } from '../data.js';
import { byId } from './elements.js';
import { showLearning } from './learning.js';
import { showPlan } from './plan.js';
import { showPredictions, showText } from './predictions.js';
import { showProfile } from './profile.js';
import { showSettings } from './settings.js';
import { showComparison, showSummary } from './summary.js';

function showRun(run: Run): void {
  showSummary(run);
  if (run.costs.length > 0) showLearning([run]);
  if (run.text !== undefined) showText(run.text);
  if (run.predictions) showPredictions(run.predictions);
  if (run.profile) showProfile(run.profile, Boolean(run.settings.profile));
  showPlan(run.plan, run.profile !== undefined);
  showSettings([run]);
}

function showRuns(runs: readonly Run[]): void {
  showComparison(runs);
  if (runs.every(({ costs }) => costs.length > 0)) showLearning(runs);
  showSettings(runs);
}

const runs: readonly Run[] = JSON.parse(byId('runs').textContent ?? '[]');
const [run, ...others] = runs;
if (run && others.length === 0) showRun(run);
else showRuns(runs);
