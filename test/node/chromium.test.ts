import { afterEach, expect, it, vi } from 'vitest';
import { findBrowser } from '../../src/node/chromium.js';

afterEach(() => vi.unstubAllEnvs());

it('takes the browser that PUPPETEER_EXECUTABLE_PATH names before any other', async () => {
  vi.stubEnv('PUPPETEER_EXECUTABLE_PATH', process.execPath);
  expect(findBrowser()).toMatchObject({ executablePath: process.execPath, headless: true });
});

it('says so when PUPPETEER_EXECUTABLE_PATH names no program', async () => {
  vi.stubEnv('PUPPETEER_EXECUTABLE_PATH', '/nonexistent/chrome');
  expect(findBrowser()).toEqual({
    missing: 'PUPPETEER_EXECUTABLE_PATH: /nonexistent/chrome is no program',
  });
});
