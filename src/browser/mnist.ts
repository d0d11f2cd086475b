// Loads MNIST in a browser: fetches the four IDX files, and reports progress.

import { NablaError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { mnistFrom } from '../data/idx.js';

/** Options of a download. */
export interface DownloadOptions {
  /** Called with the bytes received so far and the total size of all responses that state their length. */
  onProgress?: (done: number, total: number) => void;
  /** Suffix of the file names on the server, such as ".gz"; none by default. */
  suffix?: string;
}

/**
 * MNIST's 60,000 training and 10,000 test digits: inputs [n, 784], u8 with scale 1/255, labels 0 to 9. Fetches the four
 * IDX files below `base` ("mnist"), gzip or not. Throws NablaError where one is missing, FormatError where one is damaged.
 */
export async function mnist(base = 'mnist', options: DownloadOptions = {}) {
  const { onProgress, suffix = '' } = checkOptions('mnist', options, '', 'onProgress suffix');
  let done = 0; // bytes
  let total = 0;
  return mnistFrom(async (name) => {
    const url = `${base.replace(/\/$/, '')}/${name}${suffix}`;
    const answer = await fetch(url);
    if (!answer.ok || !answer.body)
      throw new NablaError(
        `mnist: ${url} answers ${answer.status}; serve the IDX files there, or pass their folder`,
      );
    total += Number(answer.headers.get('content-length') ?? 0);
    const counted = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        done += chunk.length;
        onProgress?.(done, Math.max(done, total));
        controller.enqueue(chunk);
      },
    });
    return new Uint8Array(await new Response(answer.body.pipeThrough(counted)).arrayBuffer());
  });
}
