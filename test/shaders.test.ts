// What WGSL may say, in shaders/*.wgsl and in the text of kernels. Branches take some drivers exponential time to compile, and
// built-in functions turn a NaN into a number on some adapters.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { makePlan } from '../src/compiler/plan.js';
import type { Tensor } from '../src/graph/tensor.js';
import { type AdapterClass, defaultLimits } from '../src/planning/limits.js';
import { table } from './support/ops.js';
import { graphsOf } from './support/records.js';

const folder = fileURLToPath(new URL('../shaders', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.wgsl'));
const code = (text: string): string => text.replace(/\/\/(?!:).*$/gm, '');

/** The functions of all files: 'file: name' and text. */
const functions = files.flatMap((file) => {
  const parts = code(readFileSync(join(folder, file), 'utf8')).split(/^(?=fn )/m);
  return parts.slice(1).map((text) => ({ where: `${file}: ${/^fn (\w+)/.exec(text)![1]}`, text }));
});

/** Branches of kernels as a whole, and why each is there. */
const branches: readonly (readonly [RegExp, string])[] = [
  [
    /^if \(row >= ROWS(_\d+)?\) \{ return; \}$/,
    'the last workgroup of a reduction has invocations without a row',
  ],
  [
    /^if \(\(m >= M(_\d+)?\) \| \(first >= N(_\d+)?\)\) \{ return; \}$/,
    'the last tiles of a product reach beyond it',
  ],
  [/^if \(n < N(_\d+)?\)$/, 'four outputs of a product, of which some lie beyond it'],
  [
    /^if \((at >= COUNT|task >= TASKS|row >= ROWS \+ 2u)\) \{ return; \}$/,
    'the last workgroup reaches beyond the last position, task or row',
  ],
  [/^if \(at >= \d+u\) \{ return; \}$/, 'more workgroups than one dimension takes, in rows'],
  [
    /^if \((group|place)\.x < \d+u\) \{ main_\d+\(.*\); return; \}$/,
    'kernels of one dispatch take turns by workgroup',
  ],
  [
    /^if \(u32\(\w+\) == slot % \d+u\) \{$/,
    'a row of a scatter adds what has its index and walks past the rest',
  ],
  [/^if \(along < half\) \{$/, 'the same in a row kernel'],
  [
    /^if \(\(along == 0u\) & \(blocks > 0u\)\) \{$/,
    'one lane stores what there is one of in a row, where there is a row',
  ],
  [
    /^if \(\(slice >= half\) & \(slice < 2u \* half\)\) \{$/,
    'the sums of slices are added in a tree: some hand theirs on',
  ],
  [/^if \(slice < half\) \{$/, 'and others add them'],
  [/^if \(slice > 0u\) \{ return; \}$/, 'one slice has the sum of all'],
  [/^if \(lane < half\) \{ tree/, 'a tree of sums has fewer invocations at each level'],
  [/^if \(range == \d+u\) \{$/, 'a piece of many tensors lies in one of several buffers'],
  [/^if \(lane == 0u\) \{$/, 'one invocation writes what there is one of in a row'],
  [/^if \(place < ROW(S|_GROUPS)\) \{$/, 'workgroups for rows, and others for columns'],
  [/^if \(column >= LENGTH\) \{ return; \}$/, 'the same'],
  [/^if \(column < LENGTH\) \{$/, 'the last workgroup reaches beyond the last column'],
  [/^if \(\(lane < COLUMNS\) & \(column < LENGTH\)\) \{$/, 'one invocation writes a column'],
];

it('has no branches in library functions', () => {
  const found = functions.filter(({ text }) =>
    /\|\||&&|\bif\b|\bfor\b|\bswitch\b|\bwhile\b/.test(text),
  );
  // entry points and what they call once a tile
  const skeletons = [
    'cumSum.wgsl: main',
    'fingerprint.wgsl: main',
    'gather.sorted.wgsl: main',
    'layerNorm.backward.rows.wgsl: main',
    'layerNorm.backward.rows.wgsl: row_of_gradient',
    'layerNorm.backward.rows.wgsl: column_of_gradient',
    'layerNorm.backward.wgsl: main',
    'layerNorm.backward.wgsl: make_row',
    'layerNorm.backward.wgsl: make_columns',
    'layerNorm.backward.wgsl: total',
    'layerNorm.rows.wgsl: main',
    'layerNorm.wgsl: main',
    'layerNorm.wgsl: total',
    'map.wgsl: main',
    'matmul.wgsl: finish',
    'matmul.wgsl: main',
    'probe.wgsl: main',
    'reduction.wgsl: main',
    'sort.counting.wgsl: main',
    'sort.merge.wgsl: main',
    'sort.merge.wgsl: count_before',
    'sort.starts.wgsl: main',
    'sort.wgsl: main',
    'totals.fold.wgsl: main',
    'totals.wgsl: main',
  ];
  expect(found.map(({ where }) => where)).toEqual(skeletons);
});

/** Functions that call a built-in one that may hide a NaN, each on its own after looking for it or where there is none. */
const guarded: Readonly<Record<string, string>> = {
  'activation.wgsl: exponential': 'exp',
  'activation.wgsl: logarithm_above_one': 'log',
  'arithmetic.wgsl: exponential': 'exp',
  'arithmetic.wgsl: logarithm': 'log',
  'arithmetic.wgsl: power': 'floor fract pow',
  'arithmetic.wgsl: square_root': 'sqrt',
  'cast.wgsl: round_half': 'round', // of a finite number
  'cumSum.wgsl: main': 'max min', // of places
  'layerNorm.rows.wgsl: less_by': 'min', // of places
  'layerNorm.backward.wgsl: make_columns': 'min', // of places
  'layerNorm.rows.wgsl: main': 'sqrt',
  'layerNorm.wgsl: main': 'sqrt',
  'random.wgsl: near_root': 'max sqrt', // of numbers that bits make
  'rows.wgsl: main': 'min', // of places
  'softmax.wgsl: exponential': 'exp',
  // of places
  'sort.counting.wgsl: main': 'min',
  'sort.merge.wgsl: count_before': 'min',
  'sort.starts.wgsl: main': 'min',
  'sort.wgsl: main': 'min',
  'trigonometry.wgsl: reduce_angle': 'floor', // what comes of NaN is replaced in the end
};
const hiding =
  /\b(a?cosh?|a?sinh?|a?tanh?|atan2|ceil|clamp|exp2?|floor|fract|inverseSqrt|ldexp|log2?|max|min|mix|pow|round|saturate|sign|smoothstep|sqrt|step|trunc)\(/g;

it('calls what may hide a NaN in guarded functions alone', () => {
  const callers = functions.flatMap(({ where, text }) => {
    const called = [...new Set([...text.matchAll(hiding)].map(([, name]) => name!))].sort();
    return called.length > 0 ? [[where, called.join(' ')]] : [];
  });
  expect(Object.fromEntries(callers)).toEqual(guarded);
});

it('guards alike in all files: functions of one name have one text', () => {
  const texts = new Map<string, string>();
  for (const { where, text } of functions.filter(({ where }) => !/: main$/.test(where))) {
    const name = where.split(': ')[1]!;
    expect(text.trim(), where).toBe(texts.get(name) ?? text.trim());
    texts.set(name, text.trim());
  }
});

const kernelsOf = (outputs: readonly Tensor[], adapter: AdapterClass): string[] => {
  const context = {
    shared: new WeakMap(),
    limits: defaultLimits,
    adapter,
    lanes: adapter === 'gpu' ? 1 : 4,
    f16: true,
  };
  return makePlan({ outputs, updates: [], feedConstants: true }, context).dispatches.map(
    ({ wgsl }) => wgsl,
  );
};

it.each(['swiftshader', 'lavapipe', 'gpu'] as const)(
  'writes no branch into a kernel but the known ones: %s',
  (adapter) => {
    const unknown = table.flatMap((entry) =>
      kernelsOf(graphsOf(entry, 3), adapter).flatMap((wgsl) =>
        code(wgsl)
          .split('\n')
          .map((line) => line.trim())
          .filter(
            (line) => /\|\||&&|\bif\b/.test(line) && !branches.some(([known]) => known.test(line)),
          ),
      ),
    );
    expect([...new Set(unknown)]).toEqual([]);
  },
);
