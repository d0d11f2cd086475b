// The form of the network's settings.
import { valuesOf } from '../shared/dom.js';
import type { DigitSettings } from './protocol.js';

const MOST_LAYERS = 4;
const WIDEST = 512;

/** The settings in the form; undefined, and the field says why, where the layers are no sizes. */
export function readSettings(form: HTMLFormElement): DigitSettings | undefined {
  const { hidden, activation, optimizer, learningRate, batchSize, timed } = valuesOf(
    form,
  ) as Record<string, string>;
  const field = form.elements.namedItem('hidden') as HTMLInputElement;
  const widths = hidden!
    .split(/[\s,–-]+/)
    .filter(Boolean)
    .map(Number);
  const isRight =
    widths.length <= MOST_LAYERS &&
    widths.every((width) => width >= 1 && width <= WIDEST && width % 1 === 0);
  field.setCustomValidity(
    isRight ? '' : `Up to ${MOST_LAYERS} sizes from 1 to ${WIDEST}, such as 128, 64`,
  );
  if (!form.reportValidity()) return undefined;
  return {
    hidden: widths,
    activation: activation as DigitSettings['activation'],
    optimizer: optimizer as DigitSettings['optimizer'],
    learningRate: Number(learningRate),
    batchSize: Number(batchSize),
    timed: timed !== undefined,
  };
}
