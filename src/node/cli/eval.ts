// `nabla eval`: test accuracy and cost of a trained network, its confusion matrix or the text it generates.
import { NablaError } from '../../core/errors.js';
import { evaluate } from '../../train/evaluate.js';
import { predict } from '../report/predictions.js';
import { openText, write } from './chars.js';
import { describeModel, lossOf, openModel } from './model.js';
import { openDigits, openEngine } from './open.js';
import type { EvalOptions } from './options.js';
import { confusionTable } from './report.js';
import { print, resultLine } from './text.js';

/** Prints a model's test accuracy and cost, and its confusion matrix or the text that it generates. */
export async function evaluateFile(file: string, options: EvalOptions): Promise<void> {
  const { architecture, model, loadInto } = await openModel(file);
  const { alphabet, sizes } = architecture;
  const { test, ...data } = await (alphabet
    ? openText(options.text, alphabet)
    : openDigits(options.data));
  if (sizes[0] !== data.inputs || sizes.at(-1) !== data.classes)
    throw new NablaError(
      `${file}: it turns ${sizes[0]} numbers into ${sizes.at(-1)} classes and the digits have ${data.inputs} pixels and 10 classes; name the folder that it was trained on with --data`,
    );
  const { engine, source } = await openEngine(options);
  await using _ = engine;
  await loadInto(engine);
  print(`engine  ${source}\n${data.source}\nmodel   ${file}: ${describeModel(architecture)}`);
  print(resultLine(await evaluate(engine, { model, loss: lossOf(architecture), data: test })));
  if (alphabet) print(`generated text:\n${await write(engine, model, alphabet)}`);
  else print(confusionTable((await predict(engine, model, test, architecture.loss)).confusion));
}
