// The sections "Predictions" and "Generated text": the confusion matrix, digits read right and wrong, text.
import type { Predictions, Sample } from '../data.js';
import { addTable, byId, type Cell, make, reveal } from './elements.js';

export function showPredictions({ confusion, worst, right }: Predictions): void {
  reveal('predictions');
  showConfusion(confusion);
  byId('worst').append(...worst.map(drawDigit));
  byId('right').append(...right.map(drawDigit));
}

export function showText(text: string): void {
  reveal('writing');
  byId('text').textContent = text;
}

function showConfusion(confusion: Predictions['confusion']): void {
  const rows = confusion.map((row, label): Cell[] => {
    const all = row.reduce((sum, times) => sum + times, 0);
    const recall = all ? `${((100 * (row[label] ?? 0)) / all).toFixed(1)}%` : '–';
    const cells = row.map((times, predicted) => heatCell(times, all, predicted === label));
    return [String(label), ...cells, make('td', { class: 'recall' }, recall)];
  });
  const classes = confusion.map((_, predicted) => String(predicted));
  const head = ['', ...classes, 'right'];
  addTable(byId('confusion'), {
    label: 'Digits by label and prediction',
    head,
    rows,
    kind: 'confusion',
  });
}

/** A count in a colour that grows with its share of the row. */
function heatCell(times: number, all: number, isRight: boolean): HTMLElement {
  if (times === 0) return make('td', {}, '');
  const share = times / all;
  const heat = isRight ? '--run0' : '--bad';
  const of = isRight ? 45 * share : 90 * Math.sqrt(share); // errors are rare
  return make(
    'td',
    { style: `--heat: var(${heat}); --of: ${Math.min(50, of).toFixed(1)}%` },
    String(times),
  );
}

/** A digit with what it was read as and how surely. */
function drawDigit({
  pixels,
  example,
  label,
  predicted,
  confidence,
  ofLabel,
}: Sample): HTMLElement {
  const isRight = label === predicted;
  const sure = `${(100 * (confidence ?? 0)).toFixed(0)}%`;
  const about = `Test digit ${example}, a ${label}, read as ${predicted} with ${sure}`;
  const title = isRight
    ? about
    : `${about}; ${(100 * (ofLabel ?? 0)).toPrecision(2)}% for ${label}`;
  const text = isRight ? String(label) : `${label} as ${predicted}`;
  return make(
    'li',
    { title },
    drawImage(pixels, about),
    make('span', {}, text),
    make('small', {}, sure),
  );
}

/** Rows of bytes in the squarest rectangle that they fill, in black of the opacity of their ink. */
function drawImage(pixels: string, label: string): HTMLCanvasElement {
  const bytes = Uint8Array.from(atob(pixels), (byte) => byte.charCodeAt(0));
  let width = Math.ceil(Math.sqrt(bytes.length));
  while (bytes.length % width) width++;
  const height = bytes.length / width;
  const canvas = make('canvas', { width, height, role: 'img', 'aria-label': label });
  const image = new ImageData(width, height);
  for (const [i, ink] of bytes.entries()) image.data[4 * i + 3] = ink;
  canvas.getContext('2d')?.putImageData(image, 0, 0);
  return canvas;
}
