// Row kernels: a workgroup folds one row or several, its lanes side by side over the columns, stage after stage, and then stores
// what depends on the results. Which lane adds what in which order follows from rows and columns alone.

import foldStage from '../../shaders/rows.fold.wgsl?raw';
import storeStage from '../../shaders/rows.store.wgsl?raw';
import treeStage from '../../shaders/rows.tree.wgsl?raw';
import skeleton from '../../shaders/rows.wgsl?raw';
import type { Tensor } from '../graph/tensor.js';
import { foldedBy, type Group, indexOf } from '../planning/groups.js';
import { type AdapterClass, choices, MAX_GROUPS, rowKernels } from '../planning/limits.js';
import { elementsRead } from '../planning/reads.js';
import { type Layout, layoutOf, vectorAt } from '../planning/rows.js';
import { stagesOf } from '../planning/stages.js';
import type { Kernel } from '../wgsl/bindings.js';
import { flat, type Index } from '../wgsl/indices.js';
import { expand, templateOf } from '../wgsl/template.js';
import { storageType, toStorage } from '../wgsl/types.js';
import type { Writer } from '../wgsl/writer.js';
import { type Fold, foldOf } from './folds.js';
import type { EmitOptions } from './options.js';
import { bindVectors, partOf, writerOf } from './results.js';
import { scattersRows } from './scatter.js';

/** Whether a group becomes a row kernel. */
export const isFoldedSideBySide = (group: Group, adapter: AdapterClass): boolean =>
  choices[adapter].foldsSideBySide && !scattersRows(group, adapter);

/** The nodes of which every element that a group reads lies in a vec4 of neighbouring columns: they are bound as vec4s. */
function vectorsOf(group: Group, stored: ReadonlySet<Tensor>): ReadonlySet<Tensor> {
  const vectors = new Set(group.reads.keys());
  for (const [node, index] of elementsRead(group, stored))
    if (!vectorAt(index)) vectors.delete(node);
  return vectors;
}

/** How many blocks a lane has in flight, of loops whose text for one has so many statements. */
function turnsOf({ BLOCKS, SIDE, PARTS }: Layout, statements: number, areExact: boolean): number {
  const fits = (turns: number): boolean =>
    turns * SIDE <= BLOCKS &&
    turns * PARTS * statements <= rowKernels.statements &&
    !(areExact && BLOCKS % (turns * SIDE) > 0);
  return rowKernels.turns.find(fits) ?? 1;
}

const turnsIn = (turns: number): string => `const TURNS = ${turns}u;`;
const linesOf = (text: string): number => text.split('\n').length;

/** A fold with the variables of one kernel for it. */
interface Folding {
  readonly fold: Fold;
  /** Of a lane's totals, and then of the row's results. */
  readonly totals: readonly string[];
  /** Of what it keeps for each part of its blocks. */
  readonly parts: readonly string[];
}

const at = (names: readonly string[], place: string): string[] =>
  names.map((name) => `${name}[${place}]`);

/** Statements that fold PARTS of a lane into one, in halves, and that into its total. */
function joinParts({ fold, totals, parts }: Folding, PARTS: number): string {
  const statements: string[] = [];
  for (let apart = 1; apart < PARTS; apart *= 2)
    for (let part = 0; part < PARTS; part += 2 * apart)
      statements.push(fold.join(at(parts, `${part}`), at(parts, `${part + apart}`)));
  return [...statements, fold.join(totals, at(parts, '0'))].join('\n');
}

/** The tree over the lanes of a row. One that is not the first waits until all have read what is there. */
function writeTree(foldings: readonly Folding[], isFirst: boolean): string {
  const words = foldings.flatMap(({ fold, totals }) =>
    fold.kept.map(({ type }, i) => ({ type, total: totals[i] ?? '' })),
  );
  const place = (word: number, lane: string): string => `tree[${word}u * LANES + ${lane}]`;
  const read = (word: number, lane: string): string =>
    `bitcast<${words[word]?.type}>(${place(word, lane)})`;
  let first = 0;
  const join = foldings.map(({ fold, totals }) => {
    const others = totals.map((_, i) => read(first + i, 'other'));
    first += totals.length;
    return fold.join(totals, others);
  });
  const write = words.map(({ total }, i) => `${place(i, 'lane')} = bitcast<u32>(${total});`);
  const take = words.map(({ total }, i) => `${total} = ${read(i, 'first')};`);
  const parts = {
    wait: isFirst ? '' : 'workgroupBarrier();',
    write: write.join('\n'),
    join: join.join('\n'),
    read: take.join('\n'),
  };
  return expand(templateOf(treeStage), parts, {});
}

/** Writes one kernel. */
class Rows {
  readonly #group: Group;
  readonly #layout: Layout;
  readonly #target: EmitOptions['target'];
  readonly #vectors: ReadonlySet<Tensor>;
  readonly #results = new Map<Tensor, string>();
  readonly writer: Writer;
  /** Loads of the loop that is being written, by what they load. */
  #loads = new Map<string, string>();
  words = 1;

  constructor(group: Group, layout: Layout, { stored, target }: EmitOptions) {
    this.#group = group;
    this.#layout = layout;
    this.#target = target;
    this.#vectors = layout.PARTS > 1 ? vectorsOf(group, stored) : new Set();
    this.writer = writerOf(group, stored, (node, index) => this.#atHand(node, index));
  }

  #atHand(node: Tensor, index: Index): string | undefined {
    const result = this.#results.get(node);
    const vector = this.#vectors.has(node) ? vectorAt(index) : undefined;
    if (result !== undefined || !vector) return result;
    const load = `${bindVectors(this.writer, node)}[${flat(vector)}]`;
    const name = this.#loads.get(load) ?? `l${this.#loads.size}`;
    this.#loads.set(load, name);
    return partOf(node, name, 'part');
  }

  /** Has `write` write what goes into a loop over columns, and gives that with what it loads before. */
  #inLoop<T>(write: () => T) {
    this.#loads = new Map();
    this.writer.open('column');
    const written = write();
    const body = this.writer.close();
    const loads = Array.from(this.#loads, ([load, name]) => `let ${name} = ${load};`).join('\n');
    return { written, body, loads };
  }

  /** Writes the folds of one stage. */
  fold(stage: readonly Tensor[]): void {
    const { PARTS, SIDE, BLOCKS } = this.#layout;
    const { writer } = this;
    const isFirst = this.#results.size === 0;
    const foldings = stage.map((head) => this.#folding(head));
    const { written, body, loads } = this.#inLoop(() =>
      stage.map((head) =>
        foldedBy(head, this.#group.space).map(([node, index]) => writer.value(node, index)),
      ),
    );
    const TURNS = turnsOf(this.#layout, linesOf(body) + stage.length, false);
    const isRagged = TURNS > 1 && BLOCKS % (TURNS * SIDE) > 0;
    const takes = foldings.map(({ fold, parts }, i) => {
      const values = written[i] ?? [];
      const guarded = isRagged && fold.counts ? guard(fold, values) : values;
      return fold.take(at(parts, 'part'), guarded);
    });
    const block = isRagged ? 'min(next, BLOCKS - 1u)' : 'next';
    const inside = isRagged ? 'let inside = next < BLOCKS;' : '';
    const parts = {
      totals: foldings.map(declareTotals).join('\n'),
      starts: foldings.map((folding) => declareParts(folding, PARTS)).join('\n'),
      turns: turnsIn(TURNS),
      block: `${inside}\nlet block = ${block};`,
      loads,
      element: [body, ...takes].join('\n'),
      joins: foldings.map((folding) => joinParts(folding, PARTS)).join('\n'),
      tree: SIDE > 1 ? writeTree(foldings, isFirst) : '',
    };
    writer.push(expand(templateOf(foldStage), parts, { PARTS, TURNS }));
    this.words = Math.max(this.words, foldings.flatMap(({ totals }) => totals).length);
  }

  #folding(head: Tensor): Folding {
    const number = this.#results.size;
    const fold = foldOf(this.writer, head);
    const named = (letter: string) => fold.kept.map((_, i) => `${letter}${number}_${i}`);
    this.#results.set(head, `h${number}_0`);
    return { fold, totals: named('h'), parts: named('p') };
  }

  /** Stores what there is one of in a row. */
  storeRows(members: readonly Tensor[]): void {
    const { row } = this.#group.space;
    const statements = members.map((node) => {
      const value = toStorage(node, this.writer.value(node, row));
      return `${this.#bindResult(node)}[${flat(row)}] = ${value};`;
    });
    const isOne = '(along == 0u) & (blocks > 0u)';
    if (statements.length > 0) this.writer.push(`if (${isOne}) {\n${statements.join('\n')}\n}`);
  }

  /** Stores what has an element for each column. */
  storeElements(members: readonly Tensor[]): void {
    const { PARTS } = this.#layout;
    const { element } = this.#group.space;
    const vector = PARTS > 1 ? vectorAt(element) : undefined;
    const buffers = members.map((node) => `${this.#bindResult(node, PARTS > 1)}`);
    const { written, body, loads } = this.#inLoop(() =>
      members.map((node) => toStorage(node, this.writer.value(node, element))),
    );
    const results = buffers.map((buffer, r) =>
      vector ? `r${r}[part]` : `${buffer}[${flat(element)}]`,
    );
    const takes = results.map((result, r) => `${result} = ${written[r]};`);
    const vectors = vector ? members : [];
    const declared = vectors.map(({ dtype }, r) => `var r${r}: vec4<${storageType(dtype)}>;`);
    const stores = vectors.map((_, r) => `${buffers[r]}[${flat(vector ?? [])}] = r${r};`);
    const TURNS = turnsOf(this.#layout, linesOf(body) + members.length, true);
    const parts = {
      turns: turnsIn(TURNS),
      loads: [loads, ...declared].join('\n'),
      element: [body, ...takes].join('\n'),
      stores: stores.join('\n'),
    };
    if (members.length > 0)
      this.writer.push(expand(templateOf(storeStage), parts, { PARTS, TURNS }));
  }

  #bindResult(node: Tensor, vector = false): string {
    return this.writer.bind(this.#target(node), 'read_write', vector);
  }
}

/** The values of an element that counts for nothing where there is none. */
function guard({ kept: [{ type }] }: Fold, values: readonly string[]): string[] {
  const last = values.length - 1;
  return values.map((value, i) => (i === last ? `select(${type}(0), ${value}, inside)` : value));
}

const declareTotals = ({ fold, totals }: Folding): string =>
  fold.kept.map(({ start }, i) => `var ${totals[i]} = ${start};`).join('\n');

/** Declares what a fold keeps for each part. */
function declareParts({ fold, parts }: Folding, PARTS: number): string {
  const declared = fold.kept.map(({ type, start }, i) => {
    const starts = new Array(PARTS).fill(start).join(', ');
    return `var ${parts[i]} = array<${type}, ${PARTS}>(${starts});`;
  });
  return declared.join('\n');
}

/** A row kernel: folds of rows, in stages, and what depends on them. */
export function emitRows(group: Group, options: EmitOptions): Kernel {
  const { space, stores } = group;
  const { CHUNK, ...layout } = layoutOf(space);
  const rows = new Rows(group, { ...layout, CHUNK }, options);
  for (const stage of stagesOf(group, options.stored))
    for (let first = 0; first < stage.length; first += rowKernels.together)
      rows.fold(stage.slice(first, first + rowKernels.together));
  const storedAt = (index: Index) => stores.filter((each) => indexOf(group, each) === index);
  rows.storeRows(storedAt(space.row));
  rows.storeElements(space.row === space.element ? [] : storedAt(space.element));
  const body = rows.writer.close();
  const groups = Math.ceil(layout.ROWS / layout.LINES);
  const down = Math.ceil(groups / MAX_GROUPS);
  const ACROSS = Math.ceil(groups / down);
  const constants = { ...layout, CHUNK, ACROSS, WORDS: rows.words };
  const kernel = rows.writer.kernel(skeleton, { parts: { body }, constants }, [ACROSS, down, 1]);
  return { ...kernel, workgroupBytes: 4 * rows.words * layout.LANES };
}
