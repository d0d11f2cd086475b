import { afterEach, describe, expect, it, vi } from 'vitest';
import { FormatError, NablaError } from '../../src/core/errors.js';
import { data } from '../../src/index.browser.js';

afterEach(() => vi.unstubAllGlobals());

const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 255);
const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 5);
const serve = (answer: (url: string) => Response): void => {
  vi.stubGlobal('fetch', async (url: string) => answer(url));
};
const file = (url: string): Response => {
  const body = url.includes('images') ? images : labels;
  return new Response(body, { headers: { 'content-length': String(body.length) } });
};

describe('data.mnist in a browser', () => {
  it('fetches the four files and tells its progress', async () => {
    const urls: string[] = [];
    serve((url) => {
      urls.push(url);
      return file(url);
    });
    const seen: [number, number][] = [];
    const { train, test } = await data.mnist('https://example.org/digits/', {
      onProgress: (done, total) => seen.push([done, total]),
    });
    expect([train.length, test.length]).toEqual([1, 1]);
    expect(urls.sort()).toEqual(
      ['t10k-images-idx3', 't10k-labels-idx1', 'train-images-idx3', 'train-labels-idx1'].map(
        (name) => `https://example.org/digits/${name}-ubyte`,
      ),
    );
    expect(seen.at(-1)).toEqual([54, 54]);
  });

  it('names the file that is missing, or is a web page', async () => {
    serve((url) => (url.includes('labels') ? new Response(null, { status: 404 }) : file(url)));
    await expect(data.mnist()).rejects.toThrow(NablaError);
    await expect(data.mnist()).rejects.toThrow(/mnist\/t(rain|10k)-labels-idx1-ubyte answers 404/);
    serve(() => new Response('<!doctype html>'));
    await expect(data.mnist()).rejects.toThrow(FormatError);
  });
});
