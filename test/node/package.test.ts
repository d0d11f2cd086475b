// The package as its users get it: packed once, installed in an empty project without network, and used there.
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import ts from 'typescript';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root, run } from '../support/cli.js';
import { installPackage, type Packed } from '../support/package.js';
import { htmlPage as page, type ServedProject, serveProject } from '../support/served.js';

let project: string;
let installed: string;
let packed: Packed;
const write = (name: string, text: string): Promise<void> => writeFile(join(project, name), text);
beforeAll(async () => {
  ({ project, installed, packed } = await installPackage());
}, 60_000);
afterAll(() => rm(project, { recursive: true, force: true }));

/** What all of them run: 32 steps of training. */
const program = `
import { data, fit, loss, nn, open, optim } from 'nabla';

export async function train() {
  const engine = await open();
  const model = nn.sequential(nn.dense(2, 16, { activation: 'tanh' }), nn.dense(16, 2));
  const optimizer = optim.adam({ learningRate: 0.03 });
  const settings = { model, loss: loss.crossEntropy, optimizer, data: data.moons({ examples: 200, seed: 1 }) };
  const costs = [];
  for await (const { cost } of fit(engine, { ...settings, epochs: 8, batchSize: 50 })) costs.push(cost);
  const { backend } = engine.info;
  engine.dispose();
  return { backend, before: costs[0], after: costs[7] };
}
`;
const learned = (backend: string) => ({
  backend,
  before: expect.toSatisfy((cost) => cost > 0.4),
  after: expect.toSatisfy((cost) => cost < 0.35),
});

describe('what is published', () => {
  it('runs no script where it is installed, and is built where it is cloned', async () => {
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    for (const event of ['preinstall', 'install', 'postinstall', 'prepublish', 'prepare'])
      expect(scripts).not.toHaveProperty(event);
    // npm runs it in the root project alone, also in the clone that it packs for `npm install <git address>`
    expect(scripts.dependencies).toBe('npm run build');
  });

  it('is code, its map, its types, and three files about it', () => {
    const others = packed.files
      .map(({ path }) => path)
      .filter((path) => !/^dist\/.*\.(js|js\.map|d\.ts)$/.test(path));
    expect(others.sort()).toEqual(['LICENSE', 'README.md', 'package.json']);
    expect(packed.size).toBeLessThan(1_000_000); // 25 kB of them draw the charts of a report
  });

  it('has shaders without their comments, which no kernel needs', async () => {
    const scripts = packed.files.filter(({ path }) => path.endsWith('.js'));
    const texts = scripts.map(({ path }) => readFile(join(installed, path), 'utf8'));
    const all = (await Promise.all(texts)).join('\n');
    expect(all).toContain('//:repeat I ROW_TILES');
    expect(all).not.toMatch(/\/\/! (const|part|binding)|One invocation owns/);
  });

  it('holds every module that one of its files imports, and needs no other package', async () => {
    const peers = ['webgpu', 'koffi', '@sparticuz/chromium'];
    const paths = new Set(packed.files.map(({ path }) => path));
    for (const path of [...paths].filter((name) => /^dist\/.*(\.js|\.d\.ts)$/.test(name))) {
      const text = await readFile(join(installed, path), 'utf8');
      for (const { fileName } of ts.preProcessFile(text).importedFiles) {
        const target = join(
          dirname(path),
          path.endsWith('.d.ts') ? fileName.replace(/\.js$/, '.d.ts') : fileName,
        );
        const found = fileName.startsWith('.')
          ? paths.has(target)
          : /^node:/.test(fileName) || peers.includes(fileName);
        expect(found, `${path} imports ${fileName}`).toBe(true);
      }
    }
  });

  it('maps its code back to its sources, and names no place on the machine that built it', async () => {
    for (const { path } of packed.files.filter((file) => file.path.endsWith('.js'))) {
      const text = await readFile(join(installed, path), 'utf8');
      expect(text).not.toContain(root);
      if (!/^(?!export \{|import )./m.test(text)) continue; // imports and exports alone have no map
      if (path.includes('rolldown-runtime')) continue; // the bundler's helpers have no source
      const map = JSON.parse(await readFile(join(installed, `${path}.map`), 'utf8'));
      expect(text).toMatch(/\n\/\/# sourceMappingURL=\S+\.js\.map\s*$/);
      expect(map.sourcesContent).toHaveLength(map.sources.length);
      for (const source of map.sources) expect(source).toMatch(/^\.\.\//);
    }
  });
});

/** Where no adapter is insisted on, the CPU stands in for one that is missing. */
const unforced = { NABLA_ADAPTER: '' };

describe('in Node', () => {
  const start = `import { train } from './train.mjs';\nconsole.log(JSON.stringify(await train()));\n`;
  const trained = async (env = {}): Promise<{ result: unknown; errors: string }> => {
    const { code, out, errors } = await run(join(project, 'start.mjs'), [], project, { env });
    expect(code, errors).toBe(0);
    return { result: JSON.parse(out), errors };
  };

  it('trains on the CPU without any other package, and says how to get the GPU', async () => {
    await write('train.mjs', program);
    await write('start.mjs', start);
    const { result, errors } = await trained(unforced);
    expect(result).toEqual(learned('cpu'));
    expect(errors).toMatch(/npm install webgpu/);
  });

  it('trains on the GPU with webgpu beside it', async () => {
    const peers = ['webgpu', '@sparticuz/chromium'];
    await mkdir(join(project, 'node_modules/@sparticuz'));
    for (const name of peers)
      await symlink(join(root, 'node_modules', name), join(project, 'node_modules', name));
    expect((await trained()).result).toEqual(learned('gpu'));
    for (const name of peers) await rm(join(project, 'node_modules', name));
  });

  it('is required from CommonJS too', async () => {
    await write(
      'required.cjs',
      "console.log(typeof require('nabla').grad, typeof require('nabla/node').open);",
    );
    const { out, errors } = await run(join(project, 'required.cjs'), [], project);
    expect(out, errors).toBe('function function\n');
  });

  it('has a command', async () => {
    const { out } = await run(join(installed, 'dist/cli.js'), ['--version'], project);
    expect(out).toMatch(/^nabla\/0\.1\.0/);
  });
});

describe('in TypeScript that checks its libraries', () => {
  const common = { strict: true, skipLibCheck: false, types: [], target: ts.ScriptTarget.ES2022 };
  const lib = ['lib.es2023.d.ts'];
  it.each([
    ['Node', { module: ts.ModuleKind.NodeNext, lib }],
    [
      'a bundler',
      {
        module: ts.ModuleKind.ESNext,
        moduleResolution: ts.ModuleResolutionKind.Bundler,
        lib: [...lib, 'lib.dom.d.ts'],
      },
    ],
  ])('compiles for %s, and runs', async (_, options: ts.CompilerOptions) => {
    const typed = program.replace('costs = []', 'costs: number[] = []');
    const log =
      'declare const console: { log(text: string): void };\nconsole.log(JSON.stringify(await train()));\n';
    await write('typed.ts', typed + (options.lib!.length > 1 ? log.split('\n')[1] : log));
    const compiled = ts.createProgram([join(project, 'typed.ts')], { ...common, ...options });
    const errors = [...ts.getPreEmitDiagnostics(compiled), ...compiled.emit().diagnostics];
    expect(
      errors.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' ')),
    ).toEqual([]);
    const { out } = await run(join(project, 'typed.js'), [], project, { env: unforced });
    expect(JSON.parse(out)).toEqual(learned('cpu'));
  });
});

describe('in a browser', () => {
  const show =
    '.then((result) => { document.title = JSON.stringify(result); }, (error) => { document.title = error.message; })';
  const ask = 'onmessage = async ({ data }) => { document.title = JSON.stringify(data); };'.replace(
    'onmessage',
    'worker.onmessage',
  );
  const answer = "import { train } from './train.mjs';\npostMessage(await train());";
  let served: ServedProject;

  beforeAll(async () => {
    await write('train.mjs', program);
    served = await serveProject(project);
  });
  afterAll(() => served?.close());
  const titleOf = (path: string): Promise<unknown> => served.titleOf(path);

  it('trains in a plain script', async () => {
    const map =
      '<script type="importmap">{ "imports": { "nabla": "./node_modules/nabla/dist/index.browser.js" } }</script>';
    await write(
      'plain.html',
      page(
        `${map}<script type="module">import { train } from './train.mjs'; train()${show};</script>`,
      ),
    );
    expect(await titleOf('plain.html')).toEqual(learned('gpu'));
  });

  it('runs the page that the README shows', async () => {
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    await write('readme.html', page(/```html\n(.*?)```/s.exec(readme)![1]!));
    expect(await titleOf('readme.html')).toBe(6);
  });

  it('trains in a plain worker', async () => {
    // import maps do not reach workers
    await write('plain.worker.mjs', answer.replace('train.mjs', 'direct.mjs'));
    await write(
      'direct.mjs',
      program.replace("'nabla'", "'./node_modules/nabla/dist/index.browser.js'"),
    );
    await write(
      'worker.html',
      page(
        `<script type="module">const worker = new Worker('./plain.worker.mjs', { type: 'module' }); ${ask}</script>`,
      ),
    );
    expect(await titleOf('worker.html')).toEqual(learned('gpu'));
  });

  it('trains in a Vite app, and in its worker', async () => {
    await write('app.worker.ts', answer);
    await write('app.ts', `import { train } from './train.mjs'; train()${show};`);
    await write('app.html', page('<script type="module" src="./app.ts"></script>'));
    await write(
      'apart.ts',
      `const worker = new Worker(new URL('./app.worker.ts', import.meta.url), { type: 'module' }); ${ask}`,
    );
    await write('apart.html', page('<script type="module" src="./apart.ts"></script>'));
    await build({
      ...{
        root: project,
        configFile: false,
        logLevel: 'error',
        base: './',
        worker: { format: 'es' },
      },
      build: {
        target: 'es2022',
        rollupOptions: { input: ['app.html', 'apart.html'].map((name) => join(project, name)) },
      },
    });
    expect(await titleOf('dist/app.html')).toEqual(learned('gpu'));
    expect(await titleOf('dist/apart.html')).toEqual(learned('gpu'));
  });
});

describe('what a bundler keeps of it', () => {
  /** Kilobytes, minified and gzipped, of what is loaded at first. */
  async function sizeOf(code: string): Promise<number> {
    await write('part.js', code);
    const built = await build({
      ...{ root: project, configFile: false, logLevel: 'error' },
      build: {
        ...{ write: false, target: 'es2022', minify: true, modulePreload: false },
        rollupOptions: {
          input: join(project, 'part.js'),
          preserveEntrySignatures: 'allow-extension',
        },
      },
    });
    const { output } = built as Extract<typeof built, { output: unknown }>;
    // the entry, with all that it waits for
    const chunks = output.filter((part) => part.type === 'chunk');
    const loaded = new Set(chunks.filter(({ isEntry }) => isEntry));
    for (const { imports } of loaded)
      for (const each of chunks.filter(({ fileName }) => imports.includes(fileName)))
        loaded.add(each);
    return [...loaded].reduce((sum, { code }) => sum + gzipSync(code).length, 0) / 1000;
  }

  it('is what an app uses', async () => {
    const all = await sizeOf("export * from 'nabla';");
    const training = await sizeOf(program);
    const calculus = await sizeOf("export { add, grad, tensor } from 'nabla';");
    const nothing = await sizeOf("import 'nabla';");
    const sizes = Object.entries({
      all,
      'training an MLP': training,
      'tensor, add, grad': calculus,
      nothing,
    });
    process.stdout.write(
      `package: ${sizes.map(([name, size]) => `${name} ${size.toFixed(1)} kB`).join(', ')}, gzip\n`,
    );
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    const said = /alone\s(\d+) kB,.*\sMLP\s(\d+) kB.*everything\s(\d+) kB/s
      .exec(readme)!
      .slice(1)
      .map(Number);
    for (const [i, size] of [calculus, training, all].entries())
      expect(Math.abs(size / said[i]! - 1)).toBeLessThan(0.1);
    expect(nothing).toBeLessThan(0.1);
    expect(calculus).toBeLessThan(0.2 * all);
    expect(training).toBeLessThan(0.85 * all);
  }, 60_000);
});
