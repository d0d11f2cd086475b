// The `data` namespace in a browser: data sets of all platforms, and MNIST by download.
export * from '../data/index.js';
export { type DownloadOptions, mnist } from './mnist.js';
