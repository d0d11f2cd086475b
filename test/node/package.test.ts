// What is published: read from the manifest, as npm does.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../support/cli.js';

it('runs no script where it is installed, and is built where it is cloned', async () => {
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const event of ['preinstall', 'install', 'postinstall', 'prepublish', 'prepare'])
    expect(scripts).not.toHaveProperty(event);
  // npm runs it in the root project alone, also in the clone that it packs for `npm install <git address>`
  expect(scripts.dependencies).toBe('npm run build');
});
