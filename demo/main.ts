// The page: its tabs, its worker and what stands above all parts.
import { DigitsPage } from './digits/page.js';
import { Link, type PartPage } from './link.js';
import { machineLine, missingNotice } from './sentences.js';
import { element } from './shared/dom.js';
import { makeTabs } from './shared/tabs.js';

const notice = element('notice');
const again = element('again', HTMLButtonElement);

const link = new Link({
  opened(machine) {
    element('machine').textContent = machineLine(machine);
    for (const part of parts.values()) part.opened?.(machine);
    if (machine.missing) say(missingNotice(machine.missing), false);
  },
  broken(message) {
    for (const part of parts.values()) part.broken();
    say(message, true);
  },
});

const digits = new DigitsPage(link);
/** Parts that have been in view, and the digits, which train on behind the others; the others are fetched when they are first asked for. */
const parts = new Map<string, PartPage>([['digits', digits]]);
const makers: Readonly<Record<string, () => Promise<PartPage>>> = {
  digits: async () => digits,
  playground: async () => new (await import('./playground/page.js')).PlaygroundPage(link),
  backprop: async () => new (await import('./backprop/page.js')).BackpropPage(link),
  trust: async () => new (await import('./trust/page.js')).TrustPage(link, digits),
};

function say(text: string, canStartAgain: boolean): void {
  element('noticeText').textContent = text;
  again.hidden = !canStartAgain;
  notice.hidden = false;
}

let inView = '';
async function show(name: string): Promise<void> {
  parts.get(inView)?.show?.(false);
  inView = name;
  if (!parts.has(name)) {
    const part = await makers[name]!();
    if (parts.has(name)) return;
    parts.set(name, part);
    if (link.isOpen) part.reopen();
    else part.broken();
  }
  if (inView === name) parts.get(name)!.show?.(true);
}

again.addEventListener('click', () => {
  notice.hidden = again.hidden = true;
  link.open();
  for (const part of parts.values()) part.reopen();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const part of parts.values()) part.recolour?.();
});

link.open();
digits.reopen();
makeTabs((name) => void show(name));
