// Text by characters: as a training set, and as text that a trained network generates.
import { readFile } from 'node:fs/promises';
import type { TypedArray } from '../../core/dtype.js';
import { NablaError } from '../../core/errors.js';
import { hostData } from '../../core/hostData.js';
import { dataset } from '../../data/dataset.js';
import { uniforms } from '../../data/random.js';
import type { Engine } from '../../engine/engine.js';
import type { Layer } from '../../nn/index.js';
import { input } from '../../ops/leaf.js';
import { slice } from '../../ops/slice.js';
import { softmax } from '../../ops/softmax.js';
import { withFile } from '../files.js';
import { count } from './text.js';

/** Characters that a network reads at a time: the steps over which it is unrolled. */
const LENGTH = 64;
/** Characters that it generates. */
const WRITTEN = 240;

/**
 * A text as examples of 64 characters and what follows each; the last tenth is for testing. The alphabet is the text's
 * own, or that of a trained network. Throws NablaError where a character is not in it, or the text is too short.
 */
export async function openText(file: string | undefined, known?: string) {
  if (file === undefined)
    throw new NablaError(
      '--text: a network of characters reads a text; demo/genesis.txt is in the repository',
    );
  const characters = [...(await withFile(file, () => readFile(file, 'utf8')))];
  const examples = Math.floor((characters.length - 1) / LENGTH);
  if (examples < 10)
    throw new NablaError(
      `--text ${file}: ${characters.length} characters; ${10 * LENGTH + 1} are the least`,
    );
  const alphabet = [...(known ?? [...new Set(characters)].sort())];
  const codes = new Map(alphabet.map((character, code) => [character, code]));
  const codeOf = (character: string): number => {
    const code = codes.get(character);
    if (code !== undefined) return code;
    throw new NablaError(
      `--text ${file}: the network was not trained on '${character}'; give a text of the same characters`,
    );
  };
  const text = Int32Array.from(characters, codeOf);
  const from = (start: number) => {
    const part = text.slice(start, start + examples * LENGTH);
    return hostData([examples, LENGTH], 'i32', part);
  };
  const [train, test] = dataset(from(0), from(1)).split(0.9);
  const letters = `${count(text.length)} characters, ${alphabet.length} different`;
  const parts = `${count(train.length)} training and ${count(test.length)} test examples`;
  const source = `data    ${file}: ${letters}; ${parts} of ${LENGTH}`;
  const classes = alphabet.length;
  return {
    train,
    test,
    inputs: classes,
    classes,
    alphabet: alphabet.join(''),
    source,
    option: ` --text ${file}`,
  };
}

/** Draws an index by the indices' probabilities, given a uniform number in [0, 1). */
function draw(probabilities: TypedArray, uniform: number): number {
  let rest = uniform;
  for (const [index, probability] of probabilities.entries()) {
    rest -= probability;
    if (rest < 0) return index;
  }
  return probabilities.length - 1; // the sum is below 1 by rounding
}

/** Generates text, one character after the other, each drawn by the probabilities that the network gives. */
export async function write(engine: Engine, model: Layer, alphabet: string): Promise<string> {
  const characters = [...alphabet];
  const window = input([1, LENGTH], { dtype: 'i32', name: 'window' });
  const likely = softmax(slice(model.apply(window), [0, -1]));
  const step = engine.compile({ inputs: { window }, outputs: likely });
  const uniform = uniforms(1);
  const written: number[] = new Array(LENGTH).fill(Math.max(0, characters.indexOf(' ')));
  while (written.length < LENGTH + WRITTEN) {
    const { data } = await step({ window: Int32Array.from(written.slice(-LENGTH)) });
    written.push(draw(data, uniform()));
  }
  step.release();
  return Array.from(written.slice(LENGTH), (code) => characters[code]).join('');
}
