#!/usr/bin/env node
// The `nabla` command. Exit codes: 0 done; 2 it cannot be done, and one line on standard error says why; 130 stopped by
// Ctrl-C; 1 a bug.
import { CommanderError } from '@commander-js/extra-typings';
import { NablaError } from '../core/errors.js';
import { evaluateFile } from './cli/eval.js';
import { explainFile } from './cli/explain.js';
import {
  backendOption,
  dataOption,
  program,
  readTrainOptions,
  textOption,
  training,
} from './cli/options.js';
import { compareFiles } from './cli/report.js';
import { print, version } from './cli/text.js';
import { train } from './cli/train.js';
import { doctor } from './doctor.js';
import { cannotWrite } from './targets.js';

const exit = (code: number): void => void Object.assign(process, { exitCode: code });
training.action(async () =>
  exit((await train(readTrainOptions())) || Number(process.exitCode ?? 0)),
);
program
  .command('eval')
  .description('Evaluate a trained network on the test set')
  .argument('<file>', 'model file')
  .addOption(dataOption)
  .addOption(textOption)
  .addOption(backendOption)
  .action((file, options) => evaluateFile(file, options));
program
  .command('report')
  .description('Compare the reports of several training runs')
  .argument('<files...>', 'report files')
  .option('--output <file>', 'HTML report to write', 'nabla-compare.report.html')
  .action((files, { output }) => compareFiles(files, output));
program
  .command('explain')
  .description('Print the values and gradients of an expression from a JSON file')
  .argument('<file>', 'JSON file with the expression')
  .option('--mermaid', 'print the graph as a Mermaid flowchart')
  .action(async (file, { mermaid }) => print(await explainFile(file, mermaid)));
program
  .command('doctor')
  .description('Check adapter, driver and browser, and say how to install what is missing')
  .action(async () => exit((await doctor()) ? 0 : 1));
program.version(`nabla/${version}`);

/** One line for people; with NABLA_DEBUG=1 the stack too. */
function report(error: unknown): void {
  const { message, stack, ...rest } = error instanceof Error ? error : new Error(String(error));
  if (error instanceof CommanderError && error.exitCode === 0) return; // help or the version was asked for
  // the file system's errors have a syscall
  const foreseen =
    error instanceof NablaError || error instanceof CommanderError || 'syscall' in rest;
  const bug = foreseen ? '' : ' (a bug in Nabla; NABLA_DEBUG=1 shows where)';
  process.stderr.write(
    `nabla: ${message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')}${bug}\n`,
  );
  if (process.env.NABLA_DEBUG) process.stderr.write(`${stack}\n`);
  exit(foreseen ? 2 : 1);
}

// The work goes on where its lines cannot be written: what was learned is worth more. `nabla train | head` closes the pipe
// early, since nobody reads on; a full disk is told on standard error, and by the exit code.
const outputs = { 'standard output': process.stdout, 'standard error': process.stderr };
for (const [name, stream] of Object.entries(outputs))
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || process.exitCode === 2) return;
    exit(2);
    if (stream === process.stdout)
      process.stderr.write(`nabla: ${cannotWrite(name, error).message}\n`);
  });
const args = process.argv.slice(2);
program.parseAsync(args.length ? args : ['--help'], { from: 'user' }).catch(report);
