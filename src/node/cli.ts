#!/usr/bin/env node
// The `nabla` command. Exit codes: 0 done; 2 what was asked for is impossible (one line on standard error); 130 stopped
// by Ctrl-C; 1 anything else.
import { createRequire } from 'node:module';
import { type Command, cac } from 'cac';
import { FormatError, NablaError } from '../errors.js';
import { evaluateFile } from './cli/eval.js';
import { explainFile } from './cli/explain.js';
import {
  evalOptions,
  flagOf,
  type OptionTable,
  presets,
  readOptions,
  readTrainOptions,
  trainOptions,
} from './cli/options.js';
import { train } from './cli/train.js';
import { UsageError } from './cli/usage.js';
import { doctor } from './doctor.js';

const { version } = createRequire(import.meta.url)('nabla/package.json') as { version: string };
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const cli = cac('nabla');
const withOptions = (command: Command, table: OptionTable): Command =>
  Object.entries(table).reduce(
    (made, [name, { value, about }]) => made.option(`${flagOf(name)} <${value}>`, about),
    command,
  );
withOptions(cli.command('train', 'Train a network and write it to a file'), trainOptions)
  .example('  nabla train --layers 256,64 --epochs 5')
  .example('  nabla train --preset nielsen --output nielsen.safetensors')
  .action(async (options: Record<string, unknown>) => {
    process.exitCode = await train(readTrainOptions(options));
  });
withOptions(cli.command('eval <file>', 'Test accuracy, cost and confusion matrix of a trained network'), evalOptions)
  .example('  nabla eval nabla-model.safetensors')
  .action((file: unknown, options: Record<string, unknown>) =>
    evaluateFile(String(file), readOptions(evalOptions, options), print),
  );
cli
  .command('explain <file>', 'Values, local gradients and backpropagated gradients of an expression in JSON')
  .option('--mermaid', 'print the graph as a Mermaid flowchart')
  .action((file: unknown, { mermaid }: { mermaid?: unknown }) => explainFile(String(file), mermaid === true, print));
cli.command('doctor', 'What this machine has to run on, and how to mend what is missing').action(async () => {
  if (!(await doctor(version, print))) process.exitCode = 1;
});
cli.help((sections) => {
  const kept = sections.filter(({ title }) => !title?.startsWith('For more info'));
  if (cli.matchedCommandName === 'train') {
    const lines = Object.entries(presets).map(([name, { about }]) => `  ${name.padEnd(9)}${about}`);
    kept.splice(-1, 0, { title: 'Presets', body: lines.join('\n') });
  }
  return kept.map((section) => ({ ...section, body: section.body.split('\n').map(wrapped).join('\n') }));
});
cli.version(version);

/** A line of the help within 80 columns; what goes over stands under the description. */
function wrapped(line: string): string {
  const indent = /^ {2}\S.*? {2,}/.exec(line)?.[0].length ?? 4;
  const fit = /^(.{0,79}\S) +(?=\S)/.exec(line.trimEnd().length > 80 ? line : '')?.[1];
  return fit ? `${fit}\n${wrapped(' '.repeat(indent) + line.slice(fit.length).trim())}` : line.trimEnd();
}

async function main(argv: string[]): Promise<void> {
  const { args, options } = cli.parse(argv, { run: false });
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
  const usage = error instanceof UsageError || error instanceof FormatError || name === 'CACError';
  const bug = usage || error instanceof NablaError ? '' : ' (a bug in Nabla; NABLA_DEBUG=1 shows where)';
  process.stderr.write(`nabla: ${message.replaceAll('\n', ' ').replaceAll('`', "'")}${bug}\n`);
  if (process.env.NABLA_DEBUG) process.stderr.write(`${stack}\n`);
  process.exitCode = usage ? 2 : 1;
}

// `nabla train | head` closes the pipe early: nobody reads on.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
main(process.argv).catch(report);
