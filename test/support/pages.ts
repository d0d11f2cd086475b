// Pages in a browser, with everything that they complain about.
import type { Browser, Page } from 'puppeteer';

export const desktop = { width: 1280, height: 800 };
export const phone = { width: 390, height: 844 };

/** Opens an address; errors, warnings and requests beyond the page itself go to `complaints`. */
export async function openQuiet(
  browser: Browser,
  url: string,
  complaints: string[],
): Promise<Page> {
  const page = await browser.newPage();
  await page.setViewport(desktop);
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => complaints.push(message.text()));
  page.on('request', (request) => {
    if (!request.isNavigationRequest() && !request.url().startsWith('data:'))
      complaints.push(request.url());
  });
  await page.goto(url);
  return page;
}

/** A picture of the whole page on a phone and a desktop, light and dark; resolves to what is wider than the screen. */
export async function shoot(page: Page, path: string): Promise<string[]> {
  const wide: string[] = [];
  for (const [device, viewport] of Object.entries({ desktop, phone }))
    for (const value of ['light', 'dark']) {
      await page.setViewport(viewport);
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
      const [content, screen] = await page.evaluate(async () => {
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        return [document.documentElement.scrollWidth, innerWidth] as const;
      });
      if (content > screen) wide.push(`${device}: ${content} of ${screen} pixels`);
      await page.screenshot({ path: `${path}-${device}-${value}.png`, fullPage: true });
    }
  return wide;
}
