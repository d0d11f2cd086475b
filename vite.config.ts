import { esmExternalRequirePlugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { chromium } from './test/support/puppeteer.js';
import { CountsReporter } from './test/support/reporter.js';

// A shader may compile for seconds on a software adapter.
const gpu = { setupFiles: ['test/support/adapter.setup.ts'], testTimeout: 60_000, hookTimeout: 60_000 };

// CI shares two cores.
const cpu = { pool: 'forks' as const, testTimeout: 60_000, include: ['test/**/*.test.ts'] };
const elsewhere = ['test/**/*.{gpu,node}.test.ts'];
const processes = ['test/node/*.test.ts', 'test/types.test.ts'];

export default defineConfig({
  // commander is CommonJS, and what it requires becomes imports
  plugins: [esmExternalRequirePlugin({ external: [/^node:/] })],
  build: {
    target: 'es2022',
    minify: false,
    lib: {
      entry: { 'index.node': 'src/index.node.ts', 'index.browser': 'src/index.browser.ts', cli: 'src/node/cli.ts' },
      formats: ['es'],
    },
    rollupOptions: {
      external: ['webgpu', 'koffi', '@sparticuz/chromium'],
      output: { chunkFileNames: 'chunks/[name]-[hash].js' },
    },
  },
  // *.test.ts run on the CPU; *.gpu.test.ts under Dawn and again in Chromium; *.node.test.ts under Dawn only.
  test: {
    reporters: ['default', new CountsReporter()],
    projects: [
      { test: { ...cpu, name: 'cpu', exclude: [...elsewhere, ...processes] } },
      // the command, and the compiler on what users get
      { test: { ...cpu, name: 'command', include: processes, exclude: elsewhere } },
      {
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
