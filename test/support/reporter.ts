// Closes a run with what ran where, what pictures it took, and with one plain line of counts.
import { readdirSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

/** Where test/support/demo.ts puts them. */
const pictures = '.cache/demo';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
  adapters: Set<string>;
}

export class CountsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const projects = new Map<string, Counts>();
    for (const module of modules) {
      const counts = projects.get(module.project.name) ?? {
        passed: 0,
        failed: 0,
        skipped: 0,
        adapters: new Set(),
      };
      projects.set(module.project.name, counts);
      count(module, counts);
    }
    const all = [...projects.values()];
    const total = (key: 'passed' | 'failed' | 'skipped') =>
      all.reduce((sum, counts) => sum + counts[key], 0);
    for (const [name, { passed, failed, adapters }] of projects)
      print(
        `${name}: ${passed} passed, ${failed} failed${adapters.size ? ` on ${[...adapters].join(' and ')}` : ''}`,
      );
    if (modules.some(({ moduleId }) => /\/demo[.\w]*\.test\.ts$/.test(moduleId))) tellPictures();
    const skipped = total('skipped');
    print(
      `${total('passed')} passed, ${total('failed') + unhandled.length} failed${skipped ? `, ${skipped} skipped` : ''}`,
    );
  }
}

function tellPictures(): void {
  const taken = readdirSync(pictures).filter((name) => name.endsWith('.png'));
  print(`screenshots: ${taken.length} in ${pictures}`);
}

function count(module: TestModule, counts: Counts): void {
  const { adapter } = module.meta();
  if (adapter) counts.adapters.add(adapter);
  const failed = module.state() === 'failed';
  const before = counts.failed;
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    if (state === 'passed') counts.passed++;
    else if (state === 'skipped' && !failed) counts.skipped++;
    else counts.failed++; // where a hook threw, the tests never ran
  }
  if (failed && counts.failed === before) counts.failed++; // the file does not load
}

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
