#!/usr/bin/env node
// The `nabla` command. Exit codes: 0 done; 2 what was asked for is impossible (one line on standard error); 130 stopped
// by Ctrl-C; 1 anything else.
import { createRequire } from 'node:module';
import { cac } from 'cac';
import { DeviceError, FormatError, NablaError } from '../errors.js';
import { evaluateFile } from './cli/eval.js';
import { explainFile } from './cli/explain.js';
import { evalOptions, flagOf, readOptions, readTrainOptions, trainOptions } from './cli/options.js';
import { wrapped } from './cli/text.js';
import { train } from './cli/train.js';
import { UsageError } from './cli/usage.js';
import { doctor } from './doctor.js';

const { version } = createRequire(import.meta.url)('nabla/package.json') as { version: string };
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const cli = cac('nabla');
const training = cli
  .command('train', 'Train a network and write it to a file')
  .example('  nabla train --layers 256,64 --epochs 5')
  .example('  nabla train --preset nielsen --output nielsen.safetensors')
  .action(async (options) => {
    process.exitCode = await train(readTrainOptions(options));
  });
const evaluating = cli
  .command('eval <file>', 'Test accuracy, cost and confusion matrix of a trained network')
  .example('  nabla eval nabla-model.safetensors')
  .action((file, options) => evaluateFile(String(file), readOptions(evalOptions, options), print));
cli
  .command('explain <file>', 'Values, local gradients and backpropagated gradients of an expression in JSON')
  .option('--mermaid', 'print the graph as a Mermaid flowchart')
  .action((file, { mermaid }) => explainFile(String(file), mermaid === true, print));
cli.command('doctor', 'What this machine has to run on, and how to mend what is missing').action(async () => {
  if (!(await doctor(version, print))) process.exitCode = 1;
});
for (const [name, { value, about }] of Object.entries(trainOptions))
  training.option(`${flagOf(name)} <${value}>`, about);
for (const [name, { value, about }] of Object.entries(evalOptions))
  evaluating.option(`${flagOf(name)} <${value}>`, about);
cli.help((sections) =>
  sections
    .filter(({ title }) => !title?.startsWith('For more info'))
    .map(({ body, ...section }) => ({ ...section, body: wrapped(body) })),
);
cli.version(version);

async function main(argv: string[]): Promise<void> {
  // A number below 0 is a value, and no option: --batch -1 → --batch=-1.
  const joined = argv.join('\0').replace(/(\0--[\w-]+)\0(-[\d.])/g, '$1=$2');
  const { args, options } = cli.parse(joined.split('\0'), { run: false });
  if (options.help || options.version) return;
  const extra = options['--'] as string[];
  if (extra.length) throw new UsageError(`'--' is followed by ${extra.join(' ')}, which means nothing here`);
  if (cli.matchedCommand) return cli.runMatchedCommand();
  const unknown = Object.keys(options).find((name) => name !== '--');
  if (args[0] !== undefined)
    throw new UsageError(`there is no command '${args[0]}'; use train, eval, explain or doctor (nabla --help)`);
  if (unknown !== undefined) throw new UsageError(`unknown option --${unknown}; see nabla --help`);
  cli.outputHelp();
}

/** One line for people; with NABLA_DEBUG=1 the stack too. */
function report(error: unknown): void {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  // a device refuses what is too large for it
  const kinds = [UsageError, FormatError, DeviceError];
  const usage = kinds.some((kind) => error instanceof kind) || name === 'CACError';
  const bug = usage || error instanceof NablaError ? '' : ' (a bug in Nabla; NABLA_DEBUG=1 shows where)';
  process.stderr.write(`nabla: ${message.replaceAll('\n', ' ').replaceAll('`', "'")}${bug}\n`);
  if (process.env.NABLA_DEBUG) process.stderr.write(`${stack}\n`);
  process.exitCode = usage ? 2 : 1;
}

// `nabla train | head` closes the pipe early: nobody reads on, and the work goes on.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
main(process.argv).catch(report);
