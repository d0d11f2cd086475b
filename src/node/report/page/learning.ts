// The section "Learning": cost by step, accuracy by epoch, and a table of the epochs of a run that is alone.
import type { Epoch, Figure, Run } from '../data.js';
import { type ChartSeries, drawChart, removeFigure, wholeAxis, wholeValue } from './chart.js';
import { type Curve, resample, runningMean, stepGrid } from './curves.js';
import { addTable, byId, reveal, runColour } from './elements.js';
import { costText, duration, percent } from './format.js';

/** Points of each curve where several are drawn over the same steps. */
const SHARED_POINTS = 600;
/** Accuracy curves show a dot for each epoch below this many epochs. */
const DOTTED_EPOCHS = 60;

export function showLearning(runs: readonly Run[]): void {
  reveal('curves');
  if (runs.length > 1) byId('shares').textContent = 'Test accuracy by epoch, in percent';
  drawCosts(runs);
  drawAccuracies(runs);
  const [run, ...others] = runs;
  if (run && others.length === 0) listEpochs(run.epochs);
}

function listEpochs(epochs: readonly Epoch[]): void {
  if (epochs.length === 0) return;
  const rows = epochs.map(({ epoch, cost, accuracy, validation, seconds }) => {
    const tested = validation
      ? [costText(validation.cost), percent(validation.accuracy)]
      : ['–', '–'];
    return [String(epoch), costText(cost), percent(accuracy), ...tested, duration(seconds)];
  });
  const head = ['Epoch', 'Cost', 'Accuracy', 'Test cost', 'Test accuracy', 'Time'];
  addTable(byId('epochs'), { label: 'Epochs', head, rows });
}

/** One line for each run; a run alone has two of its own, a faint and a strong one. */
function linesOf(runs: readonly Run[], faint: string, strong: string): ChartSeries[] {
  if (runs.length > 1) return runs.map(({ name }, i) => ({ label: name, stroke: runColour(i) }));
  return [
    { label: faint, stroke: '--faint' },
    { label: strong, stroke: runColour(0) },
  ];
}

function drawCosts(runs: readonly Run[]): void {
  const means = runs.map(({ costs }) => runningMean(costs));
  const lines = linesOf(runs, 'one batch', 'running mean');
  const value = (_: unknown, cost: number | null): string => (cost == null ? '–' : costText(cost));
  const heights = means.flatMap((mean) => mean.map(([, cost]) => cost));
  const low = Math.min(...heights);
  const high = Math.max(...heights);
  const isLog = low > 0 && high > 8 * low; // or the end of the curves would lie on the axis
  const range: [number, number] = isLog ? [low / 2, high * 1.3] : [0, high * 1.1];
  const spans = means.map((mean, i) => {
    const ends = [mean[0], mean.at(-1)].map((point) => costText(point?.[1]));
    return `${runs[i]?.name}: from ${ends.join(' to ')}`;
  });
  drawChart({
    box: 'cost',
    label: `Cost by step. ${spans.join('; ')}`,
    data: costData(runs, means),
    along: { label: 'step', value: wholeValue },
    series: lines.map((line) => ({ ...line, value })),
    x: wholeAxis,
    scales: { x: { time: false }, y: { distr: isLog ? 3 : 1, range: () => range } },
  });
}

/** Steps, then the curves over them: costs and means of a run alone, or the means of several at common steps. */
function costData(
  runs: readonly Run[],
  means: readonly Curve[],
): [number[], ...(number | null)[][]] {
  const [run, ...others] = runs;
  const stepsOf = (curve: Curve): number[] => curve.map(([step]) => step);
  if (run && others.length === 0) {
    const curves = [run.costs, ...means].map((curve) => curve.map(([, cost]) => cost));
    return [stepsOf(run.costs), ...curves];
  }
  const grid = stepGrid(Math.max(...means.flatMap(stepsOf)), SHARED_POINTS);
  return [grid, ...means.map((mean) => resample(mean, grid))];
}

function drawAccuracies(runs: readonly Run[]): void {
  const tests = runs.map(({ epochs }) => epochs.map(({ validation }) => validation?.accuracy));
  const training = runs.map(({ epochs }) => epochs.map(({ accuracy }) => accuracy));
  const curves = runs.length === 1 ? [...training, ...tests] : tests;
  const longest = Math.max(...curves.map(({ length }) => length));
  // a curve needs two epochs, and accuracies are there only where labels are classes
  if (longest < 2 || !Number.isFinite(curves[0]?.[0])) {
    removeFigure('accuracy');
    return;
  }
  const epochs = Array.from({ length: longest }, (_, i) => i + 1);
  const inPercent = (share: Figure | undefined) => (share == null ? null : 100 * share);
  const look = {
    value: (_: unknown, value: number | null) => percent(value == null ? undefined : value / 100),
    points: { show: longest < DOTTED_EPOCHS, size: 7 },
  };
  const said = tests.map((shares, i) => `${runs[i]?.name}: ${shares.map(percent).join(', ')}`);
  drawChart({
    box: 'accuracy',
    label: `Test accuracy by epoch. ${said.join('; ')}`,
    data: [epochs, ...curves.map((curve) => epochs.map((_, i) => inPercent(curve[i])))],
    along: { label: 'epoch', value: wholeValue },
    series: linesOf(runs, 'training', 'test').map((line) => ({ ...line, ...look })),
    x: wholeAxis,
    scales: { x: { time: false, range: [0.8, longest + 0.2] } },
  });
}
