// Templates: the skeletons of kernels in shaders/*.wgsl. Lines that are a comment `//:…` say where a kernel differs:
//   //:name                       the part of that name
//   //:repeat i COUNT … //:end    the lines between, COUNT times, with ${i} replaced by 0, 1, …; blocks nest
// COUNT is a number or the name of one. This is the only control flow that is expanded.
import { type Token, tokensOf } from './lexer.js';

/** A token, a block to repeat, a place for a part, or a place for the number of a repeat. */
export type Node = Token | Repeat | Part | Counter;
interface Repeat {
  readonly kind: 'repeat';
  readonly name: string;
  readonly count: string;
  readonly body: readonly Node[];
}
interface Part {
  readonly kind: 'part';
  readonly name: string;
}
interface Counter {
  readonly kind: 'counter';
  readonly name: string;
}

/** Texts, or templates, by the names of their places. */
export type Parts = Readonly<Record<string, string | readonly Node[]>>;
/** Numbers that a kernel knows as constants, by name. */
export type Sizes = Readonly<Record<string, number>>;

const parsed = new Map<string, readonly Node[]>();

/** Reads a template once. Other comments are for readers of the file and go. */
export function templateOf(text: string): readonly Node[] {
  const known = parsed.get(text);
  if (known) return known;
  const nodes = parse(tokensOf(text));
  parsed.set(text, nodes);
  return nodes;
}

function parse(tokens: readonly Token[]): Node[] {
  const root: Node[] = [];
  const open = [root];
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!;
    const inner = open.at(-1)!;
    if (token.kind === 'comment') {
      const body = directive(token.text, inner);
      if (body === 'end') open.pop();
      else if (body) open.push(body);
    } else if (token.text === '$' && tokens[at + 1]?.text === '{') {
      inner.push({ kind: 'counter', name: tokens[at + 2]!.text });
      at += 3;
    } else inner.push(token);
  }
  return root;
}

/** Adds what a comment directs; the body of a repeat is to be filled next. */
function directive(comment: string, into: Node[]): Node[] | 'end' | undefined {
  if (!comment.startsWith('//:')) return undefined;
  const [word = '', name = '', count = ''] = comment.slice('//:'.length).trim().split(' ');
  if (word === 'end') return 'end';
  if (word !== 'repeat') {
    into.push({ kind: 'part', name: word });
    return undefined;
  }
  const body: Node[] = [];
  into.push({ kind: 'repeat', name, count, body });
  return body;
}

/** The text of a template with its parts, and its repeats written out. */
export function expand(template: readonly Node[], parts: Parts, sizes: Sizes): string {
  const out: string[] = [];
  const counters = new Map<string, number>();
  const write = (nodes: readonly Node[]): void => {
    for (const node of nodes)
      if (node.kind === 'repeat') repeat(node);
      else if (node.kind === 'part') writePart(parts[node.name] ?? '');
      else if (node.kind === 'counter') out.push(`${counters.get(node.name)}`);
      else out.push(node.text);
  };
  const writePart = (part: string | readonly Node[]): void => {
    if (typeof part === 'string') out.push(part);
    else write(part);
  };
  const repeat = ({ name, count, body }: Repeat): void => {
    const times = sizes[count] ?? Number(count);
    for (let i = 0; i < times; i++) {
      counters.set(name, i);
      write(body);
    }
  };
  write(template);
  return out.join('');
}
