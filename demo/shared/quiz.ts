// Questions with answers to choose from, and what each choice tells.
import { make, nextTask, put } from './dom.js';
import './quiz.css';

export interface Question {
  readonly asks: string;
  readonly answers: readonly { readonly text: string; readonly isRight: boolean }[];
  /** Said once a right answer is chosen. */
  readonly because: string;
}

/** A question from its right and its wrong answers, shown in the order of `answers`: those with a leading + are right. */
export const ask = (asks: string, answers: readonly string[], because: string): Question => ({
  ...{ asks, because },
  answers: answers.map((text) => ({
    text: text.replace(/^\+/, ''),
    isRight: text.startsWith('+'),
  })),
});

/** Fills a box once the page has painted: nobody reads the end of a page first. */
export async function makeQuiz(
  box: Element,
  title: string,
  questions: readonly Question[],
): Promise<void> {
  await nextTask();
  const list = make('ol', { class: 'questions' }, ...questions.map(makeQuestion));
  box.replaceChildren(make('h2', {}, title), list);
}

function makeQuestion({ asks, answers, because }: Question): HTMLElement {
  const feedback = make('p', { role: 'status', class: 'feedback' });
  const rightOnes = answers.filter(({ isRight }) => isRight).length;
  let found = 0;
  const buttons = answers.map(({ text, isRight }) => {
    const button = make('button', { type: 'button', 'aria-pressed': 'false' }, text);
    button.addEventListener('click', () => {
      if (button.getAttribute('aria-pressed') === 'true') return;
      button.setAttribute('aria-pressed', 'true');
      button.classList.add(isRight ? 'right' : 'wrong');
      if (isRight) found++;
      const more = found < rightOnes ? ' Another answer is right too.' : ` ${because}`;
      put(feedback, isRight ? `Right.${more}` : 'Not that one. Try another.');
    });
    return button;
  });
  const group = make('div', { role: 'group', 'aria-label': asks, class: 'answers' }, ...buttons);
  return make('li', {}, make('p', {}, asks), group, feedback);
}
