// The data of a training run in a report: the command embeds it as JSON, and the page's script reads it.
import type { PlanView, Profile } from '../../graph/backend.js';

/** A number as JSON keeps it: null stands for NaN and the infinities. */
export type Figure = number | null;

/** An option's value; JSON drops what is undefined. */
export type Setting = string | number | boolean | readonly number[] | undefined;

/** Results on a data set: mean cost, and the share of right answers. */
export interface Score {
  readonly cost: Figure;
  readonly accuracy?: Figure;
}

/** One epoch of training: results on the training examples, and on the test set where it was evaluated. */
export interface Epoch extends Score {
  /** Epochs done, from 1. */
  readonly epoch: number;
  readonly seconds: number;
  readonly validation?: Score;
}

/** A test digit and the network's answer to it. */
export interface Sample {
  /** Index in the test set. */
  readonly example: number;
  readonly label: number;
  readonly predicted: number;
  /** The network's outputs for the predicted class and for the label: probabilities where the loss has them. */
  readonly confidence: Figure;
  readonly ofLabel: Figure;
  /** One byte a pixel, in base64: 0 is paper, 255 is ink. */
  readonly pixels: string;
}

/** The network's answers to all of a test set. */
export interface Predictions {
  /** How many digits of each label (row) are read as each class (column). */
  readonly confusion: readonly (readonly number[])[];
  /** The first digit of each class that is read right. */
  readonly right: readonly Sample[];
  /** Mistakes, the least probable label first. */
  readonly worst: readonly Sample[];
}

type PlannedDispatch = PlanView['dispatches'][number];

/** A step's plan with each kernel's WGSL once in `texts`; a dispatch holds its index. */
export interface PlanData extends Omit<PlanView, 'dispatches'> {
  readonly texts: readonly string[];
  readonly dispatches: readonly (Omit<PlannedDispatch, 'wgsl'> & { readonly wgsl: number })[];
}

/** One training run; `nabla train` writes all of it into the page that it leaves beside the model. */
export interface Run {
  /** The model's file, which tells runs apart. */
  readonly name: string;
  /** When it ended, in ISO 8601. */
  readonly date: string;
  /** The model in words, and its number of trained values. */
  readonly model: string;
  readonly parameters: number;
  /** The command's options by name. */
  readonly settings: Readonly<Record<string, Setting>>;
  /** Engine, adapter, versions and platform by name. */
  readonly machine: Readonly<Record<string, string>>;
  /** [step, mean cost of its batch] for each step whose cost was read. */
  readonly costs: readonly (readonly [step: number, cost: number])[];
  readonly steps: number;
  /** Time of the training loop, evaluation included. */
  readonly seconds: number;
  readonly stepsPerSecond: number;
  readonly epochs: readonly Epoch[];
  readonly test: Score;
  /** Only for networks that read digits. */
  readonly predictions?: Predictions;
  /** Text that the network generated, if it is one of characters. */
  readonly text?: string;
  /** Undefined where the adapter measures no times. */
  readonly profile?: Profile | undefined;
  readonly plan: PlanData;
}
