// Text by characters: as a training set, and as text that a trained network generates.
import { readFile } from 'node:fs/promises';
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

/** Characters that a network reads at a time: it is unrolled over so many steps. */
const LENGTH = 64;
/** Characters that it writes. */
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
  const strange = characters.find((character) => !codes.has(character));
  if (strange !== undefined)
    throw new NablaError(
      `--text ${file}: the network never saw '${strange}'; give a text like its own`,
    );
  const text = Int32Array.from(characters, (character) => codes.get(character)!);
  const from = (start: number) =>
    hostData([examples, LENGTH], 'i32', text.slice(start, start + examples * LENGTH));
  const [train, test] = dataset(from(0), from(1)).split(0.9);
  const source = `data    ${file}: ${count(text.length)} characters, ${alphabet.length} different; ${count(train.length)} training and ${count(test.length)} test examples of ${LENGTH}`;
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

/** What a network writes after a prompt, drawn one character after the other by what it holds likely. */
export async function write(engine: Engine, model: Layer, alphabet: string): Promise<string> {
  const characters = [...alphabet];
  const window = input([1, LENGTH], { dtype: 'i32', name: 'window' });
  const likely = softmax(slice(model.apply(window), [0, -1]));
  const step = engine.compile({ inputs: { window }, outputs: likely });
  const draw = uniforms(1);
  const written: number[] = new Array(LENGTH).fill(Math.max(0, characters.indexOf(' ')));
  while (written.length < LENGTH + WRITTEN) {
    const { data } = await step({ window: Int32Array.from(written.slice(-LENGTH)) });
    let rest = draw();
    let next = -1;
    while (rest >= 0 && next < data.length - 1) rest -= data[++next]!;
    written.push(next);
  }
  step.release();
  return Array.from(written.slice(LENGTH), (code) => characters[code]).join('');
}
