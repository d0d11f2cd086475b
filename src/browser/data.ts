// `data` in a browser.
export * from '../data/index.js';
export { type DownloadOptions, mnist } from './mnist.js';
