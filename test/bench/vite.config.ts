// The benchmarks as plain JavaScript for Node: TensorFlow.js' modules need a bundler, and shaders are imported as text.
import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    target: 'es2022',
    minify: false,
    outDir: '.cache/bench',
    ssr: true,
    rollupOptions: {
      input: {
        cli: 'test/bench/cli.ts',
        startup: 'test/bench/startup.ts',
        pack: 'test/bench/pack.ts',
      },
    },
  },
  ssr: {
    noExternal: true,
    external: ['webgpu', 'koffi', '@sparticuz/chromium', 'puppeteer', 'vite'],
  },
});
