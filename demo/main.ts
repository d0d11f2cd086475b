// The page: its tabs, its worker and what stands above all parts.
import { Link, type PartPage } from './link.js';
import { machineLine, missingNotice } from './sentences.js';
import { element, nextTask } from './shared/dom.js';
import { makeTabs } from './shared/tabs.js';

const notice = element('notice');
const again = element('again', HTMLButtonElement);
/** Parts that are there; each is fetched when it is first in view. */
const parts = new Map<string, PartPage>();

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
link.open();

function say(text: string, canStartAgain: boolean): void {
  element('noticeText').textContent = text;
  again.hidden = !canStartAgain;
  notice.hidden = false;
}

// The digits train on behind the other parts, so they are always there.
const { DigitsPage } = await import('./digits/page.js');
await nextTask();
const digits = new DigitsPage(link);
join('digits', digits);

function join(name: string, part: PartPage): void {
  parts.set(name, part);
  if (link.isOpen) part.reopen();
  else part.broken();
}

const fetches: Readonly<Record<string, () => Promise<PartPage>>> = {
  playground: async () => new (await import('./playground/page.js')).PlaygroundPage(link),
  backprop: async () => new (await import('./backprop/page.js')).BackpropPage(link),
  trust: async () => new (await import('./trust/page.js')).TrustPage(link, digits),
};
const asked = new Set(['digits']);

let inView = '';
async function show(name: string): Promise<void> {
  parts.get(inView)?.show?.(false);
  inView = name;
  if (!asked.has(name)) {
    asked.add(name);
    join(name, await fetches[name]!());
  }
  if (inView === name) parts.get(name)?.show?.(true);
}

again.addEventListener('click', () => {
  notice.hidden = again.hidden = true;
  link.open();
  for (const part of parts.values()) part.reopen();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const part of parts.values()) part.recolour?.();
});

makeTabs((name) => void show(name));
