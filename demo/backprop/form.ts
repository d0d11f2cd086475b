// The form in which inputs and expressions are changed.
import { element, make } from '../shared/dom.js';
import type { Description } from './protocol.js';

/** Shows a description in the form. */
export function fillForm({ inputs, let: steps = {}, f }: Description): void {
  element('graphInputs').replaceChildren(
    ...Object.entries(inputs).map(([name, value]) => {
      const isNumber = typeof value === 'number';
      const field = make('input', {
        name,
        value: JSON.stringify(value),
        autocomplete: 'off',
        inputmode: 'text',
      });
      return make('label', { class: isNumber ? 'field' : 'field wide' }, name, field);
    }),
  );
  const lines = [...Object.entries(steps), ['f', f] as const].map(
    ([name, text]) => `${name} = ${text}`,
  );
  element('graphSteps', HTMLTextAreaElement).value = lines.join('\n');
  element('graphSteps', HTMLTextAreaElement).rows = lines.length + 1;
}

/** The description in the form, or what is wrong with it. */
export function describe(from: Description): Description | string {
  const inputs: Record<string, Description['inputs'][string]> = {};
  for (const field of element('graphInputs').querySelectorAll('input'))
    try {
      const value: unknown = JSON.parse(field.value.replace(/−/g, '-'));
      if (typeof value !== 'number' && !Array.isArray(value)) throw new SyntaxError();
      inputs[field.name] = value;
    } catch {
      return `${field.name}: write a number, or numbers in brackets`;
    }
  const lines = element('graphSteps', HTMLTextAreaElement)
    .value.split('\n')
    .filter((line) => line.trim());
  const steps: Record<string, string> = {};
  for (const line of lines) {
    const [, name, text] = /^\s*([A-Za-z_]\w*)\s*=(.*)$/.exec(line) ?? [];
    if (!name) return `'${line.trim()}': write each step as name = expression`;
    if (name in steps || name in inputs) return `'${name}' is there twice; rename one`;
    steps[name] = text!.trim();
  }
  const { f, ...rest } = steps;
  if (f === undefined) return 'One step has to be f, which is differentiated';
  const { wrt } = from;
  return { inputs, let: rest, f, ...(wrt && { wrt }) };
}
