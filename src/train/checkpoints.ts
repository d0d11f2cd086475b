// The checkpoints that a run leaves in a folder: numbered by step, each whole or not there, the last few kept.
import { FormatError, NablaError } from '../core/errors.js';
import type { Folder } from '../core/folder.js';
import type { Engine } from '../engine/engine.js';
import { load, save } from '../io/checkpoint.js';
import { decode } from '../io/safetensors.js';
import { type Description, describeRun, differences } from './description.js';
import type { CheckpointOptions, FitOptions } from './options.js';
import type { Progress } from './progress.js';

/** Name of the description in a checkpoint's metadata. */
const DESCRIPTION = 'nabla.run';
const PATTERN = /^step-(\d+)\.safetensors$/;
const nameOf = (step: number): string => `step-${String(step).padStart(9, '0')}.safetensors`;

/** A checkpoint that cannot be read, as after a fault of the disk: the one before is taken. */
const warnOfDamage = (name: string, error: unknown): void =>
  console.warn(
    `nabla: ${name} is damaged (${Object(error).message}); going on from the one before it`,
  );

/** Saves a run's checkpoints, and finds the last one. Made by `openCheckpoints`. */
export class Checkpoints {
  readonly #engine: Engine;
  readonly #options: FitOptions;
  readonly #folder: Folder;
  readonly #path: string;
  readonly #every: number;
  readonly #keep: number;
  #description: Description | undefined;
  /** The last step that was saved. */
  #saved = -1;

  constructor(
    engine: Engine,
    options: FitOptions,
    folder: Folder,
    { folder: path, every = Infinity, keep = 3 }: CheckpointOptions,
  ) {
    this.#engine = engine;
    this.#options = options;
    this.#folder = folder;
    this.#path = path;
    this.#every = every;
    this.#keep = keep;
  }

  get #own(): Description {
    this.#description ??= describeRun(this.#options);
    return this.#description;
  }

  /** Whether a step is to be saved in the middle of an epoch; the end of one is always. */
  isDue(step: number): boolean {
    return step % this.#every === 0;
  }

  /** Numbers of the steps that are there, the last first. */
  async #steps(): Promise<number[]> {
    const names = await this.#folder.names();
    const steps = names.flatMap((name) => PATTERN.exec(name)?.[1] ?? []).map(Number);
    return steps.sort((a, b) => b - a);
  }

  /** Throws where a run that begins anew would mix its checkpoints with those of another. */
  async checkEmpty(): Promise<void> {
    const [last] = await this.#steps();
    if (last !== undefined)
      throw new NablaError(
        `fit: ${this.#path} holds checkpoints of a run, up to step ${last}; resume it (resume: true, --resume), or name another folder`,
      );
  }

  /** Writes the last checkpoint's values into the engine; gives its progress, undefined where there is none. */
  async restore(): Promise<Progress | undefined> {
    const { model, optimizer } = this.#options;
    for (const step of await this.#steps()) {
      const file = await this.#read(nameOf(step));
      if (!file) continue;
      const there = file.metadata.get(DESCRIPTION);
      const found = there === undefined ? [] : differences(this.#own, JSON.parse(there));
      const path = `${this.#path}/${nameOf(step)}`;
      if (found.length > 0)
        throw new NablaError(
          `fit: ${path} is of another run: ${found.join('; ')}; use what it was trained with, or name another folder`,
        );
      const { progress } = await load(this.#engine, file.bytes, { model, optimizer });
      this.#saved = step;
      if (progress) return progress;
    }
    return undefined;
  }

  async #read(name: string) {
    try {
      const bytes = await this.#folder.read(name);
      return { bytes, metadata: decode(bytes).metadata };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      warnOfDamage(name, error);
      return undefined;
    }
  }

  /** Saves the run as it is now, unless that was done, and removes what is older than the last few. */
  async save(progress: Progress): Promise<void> {
    const { step } = progress;
    if (step === this.#saved) return;
    const { model, optimizer } = this.#options;
    const metadata = new Map([[DESCRIPTION, JSON.stringify(this.#own)]]);
    const bytes = await save(this.#engine, { model, optimizer, progress, metadata });
    await this.#folder.write(nameOf(step), bytes);
    this.#saved = step;
    const steps = await this.#steps();
    for (const old of steps.slice(this.#keep)) await this.#folder.remove(nameOf(old));
  }
}

/** Opens the folder of a run's checkpoints. Throws NablaError where nothing can be written there. */
export async function openCheckpoints(
  engine: Engine,
  options: FitOptions,
  checkpoint: CheckpointOptions,
): Promise<Checkpoints> {
  const { openFolder } = engine;
  if (!openFolder)
    throw new NablaError('fit: this engine has no files for checkpoints; open it with open()');
  return new Checkpoints(engine, options, await openFolder(checkpoint.folder), checkpoint);
}
