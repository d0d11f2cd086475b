// Finds and makes the page's elements; tables among them.

/** An element of report.html. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element #${id}`);
  return element;
}

/** Unhides a section of report.html. */
export function reveal(id: string): void {
  byId(id).hidden = false;
}

export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | number>>,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** A run's name beside its colour in the charts. */
export function nameInColour(name: string, place: number): HTMLElement {
  const swatch = make('span', { class: 'swatch', style: `--of: var(${runColour(place)})` });
  return make('span', {}, swatch, name);
}

/** The style sheet's property that holds the colour of the run in this place. */
export const runColour = (place: number): string => `--run${place % 6}`;

/** Content for a cell that the table makes, or a <td> ready to use. */
export type Cell = string | HTMLElement;

export interface Table {
  /** Accessible name. */
  readonly label: string;
  readonly head: readonly Cell[];
  /** The first cell of a row is its heading. */
  readonly rows: readonly (readonly Cell[])[];
  /** Class of the style sheet. */
  readonly kind?: 'words' | 'confusion';
}

/** Adds a table that scrolls by itself where it is wider than the page. */
export function addTable(box: HTMLElement, { label, head, rows, kind }: Table): void {
  const columns = head.map((name) => (name ? make('th', { scope: 'col' }, name) : make('td', {})));
  const body = rows.map((row) => make('tr', {}, ...row.map(makeCell)));
  const top = make('thead', {}, make('tr', {}, ...columns));
  const table = make('table', { class: kind ?? '' }, top, make('tbody', {}, ...body));
  const region = { class: 'scroll', role: 'region', tabindex: 0, 'aria-label': label };
  box.append(make('div', region, table));
}

function makeCell(content: Cell, column: number): HTMLElement {
  if (typeof content !== 'string' && content.tagName === 'TD') return content;
  return column === 0
    ? make('th', { scope: 'row', class: 'name' }, content)
    : make('td', {}, content);
}
