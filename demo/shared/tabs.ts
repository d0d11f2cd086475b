// The tabs: arrow keys move between them, and the address names the one in view.
import { element } from './dom.js';

/** Calls `onShow` with the part in view, now and whenever it changes. */
export function makeTabs(onShow: (part: string) => void): void {
  const tabs = [...document.querySelectorAll<HTMLButtonElement>('[role=tab]')];
  const partOf = (tab: HTMLButtonElement): string => tab.id.replace(/Tab$/, '');
  const parts = tabs.map(partOf);
  const show = (part: string): void => {
    for (const tab of tabs) {
      const isChosen = partOf(tab) === part;
      tab.setAttribute('aria-selected', String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      element(partOf(tab)).hidden = !isChosen;
    }
    onShow(part);
  };
  const fromAddress = (): string =>
    parts.find((part) => location.hash === `#/${part}`) ?? parts[0]!;
  const choose = (part: string): void => {
    if (part === fromAddress()) return;
    history.pushState(undefined, '', `#/${part}`);
    show(part);
  };
  for (const [i, tab] of tabs.entries()) {
    tab.addEventListener('click', () => choose(partOf(tab)));
    tab.addEventListener('keydown', ({ key }) => {
      const moves: Partial<Record<string, number>> = {
        ArrowRight: i + 1,
        ArrowLeft: i - 1,
        Home: 0,
        End: -1,
      };
      const to = moves[key];
      if (to === undefined) return;
      const next = tabs.at(to % tabs.length)!;
      choose(partOf(next));
      next.focus();
    });
  }
  addEventListener('popstate', () => show(fromAddress()));
  show(fromAddress());
}
