// Page and worker of docs/models.md in a Vite app, with each configuration that the guide names.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root } from '../support/cli.js';
import { installPackage } from '../support/package.js';
import { htmlPage, type ServedProject, serveProject } from '../support/served.js';

let project: string;
let served: ServedProject;
const write = (name: string, text: string): Promise<void> => writeFile(join(project, name), text);
beforeAll(async () => {
  ({ project } = await installPackage());
  served = await serveProject(project);
}, 60_000);
afterAll(async () => {
  await served?.close();
  await rm(project, { recursive: true, force: true });
});

const guide = await readFile(join(root, 'docs/models.md'), 'utf8');
const [, inWorker, inPage] = /\/\/ in the worker\n(.*?)\/\/ in the page\n(.*?)```/s.exec(guide)!;
const configs = [...guide.matchAll(/`export default (\{.*?\});`/g)].map((found) => found[1]!);
const made = "new Worker(new URL('./trainer.ts', import.meta.url), { type: 'module' })";

/** The two files that the text below the code tells to make. */
async function writeApp(): Promise<void> {
  const trainer = inWorker!.replace('\n  port1,', '');
  const show = 'document.title = JSON.stringify($1);';
  const started = inPage!.replace('port2', made).replace(/console.log\((.*?)\);/, show);
  expect([guide.includes(made), trainer.includes('port1'), started.includes(made)]).toEqual([
    true,
    false,
    true,
  ]);
  const names = "import { data, loss, nn, open, optim } from 'nabla';";
  await write('trainer.ts', `${names}\nimport { serveTrainer } from 'nabla/worker';\n${trainer}`);
  const isDone = "document.body.className = 'done';";
  await write('page.ts', `import { remoteTrainer } from 'nabla/worker';\n${started}\n${isDone}`);
  await write('page.html', htmlPage('<body><script type="module" src="./page.ts"></script>'));
}

it('names two configurations, for Vite 7 and for those before it', () => {
  expect(configs).toHaveLength(2);
});

it.each(['{}', ...configs])('is built with the configuration %s, and trains', async (config) => {
  await writeApp();
  await write('vite.config.js', `export default ${config};`);
  await build({
    ...{ root: project, logLevel: 'error', base: './' },
    build: { rollupOptions: { input: join(project, 'page.html') } },
  });
  expect(await served.titleOf('dist/page.html', '.done')).toBe('epoch 3: 30 steps');
  // Parts that are loaded later are what Vite 7 cannot put into one classic script.
  const { length } = (await readdir(join(project, 'dist/assets'))).filter((name) =>
    name.endsWith('.js'),
  );
  if (config === '{}') expect(length).toBe(2);
  else expect(length).toBeGreaterThan(2);
});
