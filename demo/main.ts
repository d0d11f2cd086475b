// The page: its tabs, its worker and what stands above all parts.
import { Link } from './link.js';
import type { PartPage } from './part.js';
import { machineLine, missingNotice } from './sentences.js';
import { element, make, nextTask } from './shared/dom.js';
import { makeTabs } from './shared/tabs.js';
import type { Training } from './trust/page.js';

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
  checked(closeness) {
    for (const part of parts.values()) part.checked?.(closeness);
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

/** The digits' training, once their part is there: another part checks it. */
let giveTraining: (training: Training) => void;
const training = new Promise<Training>((resolve) => {
  giveTraining = resolve;
});

const fetches: Readonly<Record<string, () => Promise<PartPage>>> = {
  async digits() {
    const { DigitsPage } = await import('./digits/page.js');
    await nextTask();
    const digits = new DigitsPage(link);
    giveTraining(digits);
    return digits;
  },
  playground: async () => new (await import('./playground/page.js')).PlaygroundPage(link),
  backprop: async () => new (await import('./backprop/page.js')).BackpropPage(link),
  trust: async () => new (await import('./trust/page.js')).TrustPage(link, training),
};

/** Fetches a part and joins it to the page; where that fails, the part says so, and the others live on. */
async function load(name: string): Promise<void> {
  try {
    const part = await fetches[name]!();
    parts.set(name, part);
    if (link.isOpen) part.reopen();
    else part.broken();
    if (link.machine) part.opened?.(link.machine);
    part.show?.(inView === name);
  } catch (error) {
    tellFailure(name, error instanceof Error ? error.message : String(error));
  }
}

function tellFailure(name: string, message: string): void {
  const place = element(name);
  const reason = message.replace(/\.$/, '');
  const text = `This part could not be loaded: ${reason}. The others go on; to try again, reload the page.`;
  // a browser remembers of a module that it could not be fetched
  const reload = make('button', { type: 'button' }, 'Reload the page');
  reload.addEventListener('click', () => location.reload());
  const box = make('div', { class: 'notice across', role: 'alert' }, make('p', {}, text), reload);
  // nothing is on its way here
  for (const waiting of place.querySelectorAll(':scope > .loading, .status')) waiting.remove();
  place.prepend(box);
}

let inView = '';
const asked = new Set<string>();
function ask(name: string): void {
  if (asked.has(name)) return;
  asked.add(name);
  void load(name);
}

again.addEventListener('click', () => {
  notice.hidden = again.hidden = true;
  link.open();
  for (const part of parts.values()) part.reopen();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const part of parts.values()) part.recolour?.();
});

// The digits train on behind the other parts, so they are always there.
ask('digits');
makeTabs((name) => {
  parts.get(inView)?.show?.(false);
  inView = name;
  parts.get(name)?.show?.(true);
  ask(name);
});
