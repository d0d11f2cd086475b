// Runs before the page's other modules. uPlot gives the browser's language to Intl as it is loaded; Chromium under LANG=C
// says "en-US@posix", which Intl refuses.
try {
  Intl.getCanonicalLocales(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en-US', configurable: true });
}
