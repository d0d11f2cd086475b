// Elements of the page.

/** An element that the page has. */
export function element<T extends Element = HTMLElement>(id: string, kind?: new () => T): T {
  const found = document.getElementById(id);
  if (!found || (kind && !(found instanceof kind)))
    throw new Error(`page: there is no ${kind?.name ?? 'element'} #${id}`);
  return found as Element as T;
}

/** Sets a text where it changed: screen readers speak what is set. */
export function put(target: string | Element, text: string): void {
  const found = typeof target === 'string' ? element(target) : target;
  if (found.textContent !== text) found.textContent = text;
}

/** A new element with attributes and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Runs work once a frame, however often it is asked for. */
export function oncePerFrame(work: () => void): () => void {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      work();
    });
  };
}

/** Lets the browser paint and answer between two long pieces of work. */
export const nextTask = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

export const percent = (share: number, digits: number): string =>
  `${(100 * share).toFixed(digits)}%`;

/** A colour of the page's style sheet. */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** An opaque colour of the style sheet: red, green and blue in [0, 1]. */
export function rgb(name: string): readonly [number, number, number] {
  // a build may have shortened it to #fff or a word; a canvas says #rrggbb for them all
  colourReader.fillStyle = colour(name);
  const digits = String(colourReader.fillStyle);
  const [red, green, blue] = [1, 3, 5].map(
    (at) => Number.parseInt(digits.slice(at, at + 2), 16) / 255,
  );
  return [red!, green!, blue!];
}
const colourReader = document.createElement('canvas').getContext('2d')!;

/** The values of a form's fields by name. */
export const valuesOf = (form: HTMLFormElement): Record<string, string> =>
  Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
