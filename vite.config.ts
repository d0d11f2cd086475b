import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, esmExternalRequirePlugin, type Plugin, type Rolldown } from 'vite';
import { defineConfig } from 'vitest/config';
import { chromium } from './test/support/puppeteer.js';
import { CountsReporter } from './test/support/reporter.js';

// A shader may compile for seconds on a software adapter.
const gpu = {
  setupFiles: ['test/support/adapter.setup.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

// CI shares two cores.
const cpu = {
  pool: 'forks' as const,
  testTimeout: 60_000,
  hookTimeout: 60_000,
  include: ['test/**/*.test.ts'],
};
const elsewhere = ['test/**/*.{gpu,node}.test.ts'];
// Those that start processes, and those that train for long: not part of `npm run check`.
const processes = [
  'test/node/*.test.ts',
  'test/docs/*.test.ts',
  'test/types.test.ts',
  'test/train/mnist.test.ts',
];

// Modules that an index exports as one name. Each is a file of dist, because bundlers drop what is unused of a module,
// but keep all of an object.
const namespaces = {
  checkpoint: 'src/io/checkpoint.ts',
  'data.browser': 'src/browser/data.ts',
  'data.node': 'src/node/data.ts',
  loss: 'src/loss.ts',
  nn: 'src/nn/index.ts',
  onnx: 'src/io/onnx.ts',
  optim: 'src/optim/index.ts',
  safetensors: 'src/io/safetensors.ts',
  tensorboard: 'src/io/tensorboard.ts',
};

/** Leaves the namespaces of an index as imports of their files. */
const separate: Plugin = {
  ...{ name: 'separate', apply: 'build', enforce: 'pre' },
  async resolveId(source, importer) {
    if (!/\/src\/index\.\w+\.ts$/.test(importer ?? '')) return null;
    const found = await this.resolve(source, importer, { skipSelf: true });
    const name = Object.entries(namespaces).find(([, path]) => found?.id.endsWith(`/${path}`))?.[0];
    return name ? { id: `./${name}.js`, external: true } : null;
  },
};

/** No module of src has side effects: each call that runs while one loads is marked, so that bundlers may drop it. */
const pure: Plugin = {
  ...{ name: 'pure', apply: 'build', enforce: 'pre' },
  transform: {
    filter: { id: /\/src\/[^?]*\.ts$/ },
    handler(code) {
      const calls = new Set<number>();
      const visit = (node: unknown): void => {
        if (typeof node !== 'object' || node === null) return;
        const { type, start } = node as { type?: string; start: number };
        if (/Function|Class|^TS/.test(type ?? '')) return; // runs later, or never
        if (type === 'CallExpression' || type === 'NewExpression') calls.add(start);
        for (const child of Object.values(node)) visit(child);
      };
      for (const statement of this.parse(code, { lang: 'ts' }).body) {
        const declared =
          statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
        if (declared?.type === 'VariableDeclaration') visit(declared);
      }
      const starts = [0, ...[...calls].sort((a, b) => a - b)];
      return {
        code: starts.map((start, i) => code.slice(start, starts[i + 1])).join('/* @__PURE__ */ '),
        map: null,
      };
    },
  },
};

/** Shaders without their comments and indentation, which the compiler of kernels would drop; lines that start with `//:` are its own. */
const shaders: Plugin = {
  ...{ name: 'shaders', apply: 'build', enforce: 'pre' },
  load: {
    filter: { id: /\.wgsl\?raw$/ },
    async handler(id) {
      const text = await readFile(id.replace('?raw', ''), 'utf8');
      return `export default ${JSON.stringify(text.replace(/^\s*\/\/(?!:).*\n| +\/\/(?!:).*$|^\s+/gm, ''))};`;
    },
  },
};

/**
 * What an engine and the files that it loads lazily share is one file, which loads nothing lazily itself. Bundlers cut what a lazily loaded file shares with the rest into
 * files of its own, the more the more files it lies in.
 */
function engineChunk(id: string, context: Rolldown.ChunkingContext): string | null {
  const reached = new Set(engine);
  for (const path of reached)
    for (const imported of context.getModuleInfo(path)?.importedIds ?? []) reached.add(imported);
  return reached.has(id) ? 'engine' : null;
}
const engine = [
  'autodiff/precision',
  'compiler/plan',
  'cpu/evaluate',
  'gpu/scratch',
  'gpu/usage',
  'graph/backend',
  'ops/draws',
].map((name) => join(import.meta.dirname, `src/${name}.ts`));

/** `import text from './module.ts?script'`: the module with all it imports, as the text of one script for browsers. */
const scripts: Plugin = {
  name: 'scripts',
  load: {
    filter: { id: /\?script$/ },
    async handler(id) {
      const lib = { entry: id.replace('?script', ''), name: 'page', formats: ['iife' as const] };
      const options = { target: 'es2022', lib, write: false, minify: true };
      const built = await build({
        configFile: false,
        logLevel: 'warn',
        publicDir: false,
        build: options,
      });
      const [script] = (built as Rolldown.RolldownOutput[])[0]!.output;
      for (const file of script.moduleIds) this.addWatchFile(file);
      const notices = await Promise.all(script.moduleIds.map(copyrightOf));
      return `export default ${JSON.stringify(notices.join('') + script.code)};`;
    },
  },
};

/** The comment at the head of a package's file, which minification drops and licences ask to keep. */
async function copyrightOf(file: string): Promise<string> {
  if (!file.includes('node_modules')) return '';
  const [head = ''] = /^\s*\/\*.*?\*\//s.exec(await readFile(file, 'utf8')) ?? [];
  return /copyright|licen[cs]e/i.test(head) ? `${head}\n` : '';
}

export default defineConfig({
  // commander is CommonJS, and what it requires becomes imports
  plugins: [esmExternalRequirePlugin({ external: [/^node:/] }), separate, pure, shaders, scripts],
  build: {
    target: 'es2022',
    minify: false,
    sourcemap: true,
    lib: {
      entry: {
        'index.node': 'src/index.node.ts',
        'index.browser': 'src/index.browser.ts',
        'index.worker': 'src/index.worker.ts',
        cli: 'src/node/cli.ts',
        ...namespaces,
      },
      formats: ['es'],
    },
    rollupOptions: {
      external: ['webgpu', 'koffi', '@sparticuz/chromium'],
      output: {
        // beside the entries, because the namespaces are imported from both
        chunkFileNames: '[name]-[hash].js',
        codeSplitting: { groups: [{ name: engineChunk, debugName: 'engine' }] },
      },
    },
  },
  // *.test.ts run on the CPU; *.gpu.test.ts under Dawn and again in Chromium; *.node.test.ts under Dawn only.
  test: {
    reporters: ['default', new CountsReporter()],
    projects: [
      {
        plugins: [scripts],
        test: {
          ...cpu,
          name: 'cpu',
          exclude: [...elsewhere, ...processes],
          // files of one worker share their modules, which halves the time; globals that they replace are put back
          ...{ isolate: false, unstubGlobals: true },
        },
      },
      // the command, and the compiler on what users get
      {
        plugins: [scripts],
        test: { ...cpu, name: 'command', include: processes, exclude: elsewhere },
      },
      {
        plugins: [scripts],
        test: { ...gpu, name: 'dawn', pool: 'forks', include: ['test/**/*.{gpu,node}.test.ts'] },
      },
      {
        // Found while a run is under way, a dependency reloads the page.
        optimizeDeps: { include: ['fast-check', '@fast-check/vitest'] },
        test: {
          ...gpu,
          name: 'browser',
          include: ['test/**/*.gpu.test.ts'],
          browser: {
            enabled: true,
            provider: chromium,
            headless: true,
            api: { host: '127.0.0.1' },
            screenshotFailures: false,
            instances: [{ browser: 'chromium', name: 'chromium' }],
          },
        },
      },
    ],
  },
});
