import type { Kernel } from './kernels.js';
import { MAX_BINDINGS } from './units.js';
import { addBinding, type Binding, declare } from './writer.js';

const declaration = /@group\(0\) @binding\((\d+)\) var<storage, \w+> b\d+: (.*);\n/g;

/** The text of one kernel among others: its own names, bindings by their common numbers, and a function for its main. */
function partOf({ wgsl, bindings }: Kernel, number: number, place: (binding: Binding, type: string) => number): string {
  const places = [...wgsl.matchAll(declaration)].map(([, i, type]) => place(bindings[Number(i)]!, type!));
  const names = new Set([...wgsl.matchAll(/^(?:const|fn|var<workgroup>) (\w+)/gm)].map(([, name]) => name));
  return wgsl
    .replace(/^enable .*\n/gm, '')
    .replace(declaration, '')
    .replace(/@compute.*\n/, '')
    .replace(/@builtin\(\w+\) /g, '')
    .replace(/\bb(\d+)\b/g, (name, i) => (i in places ? `b${places[i]}` : name))
    .replace(/\b\w+\b/g, (word) => (names.has(word) ? `${word}_${number}` : word));
}

/**
 * Kernels that need nothing of each other as one: the workgroups of the first, then those of the next. Undefined where
 * there are none, their workgroups differ, or they bind too much.
 */
export function joinKernels(kernels: readonly Kernel[]): Kernel | undefined {
  const heads = /const GROUP_[XY] = .*|@compute.*\nfn main\([\s\S]*?\) \{/g;
  const [head, ...others] = kernels.map(({ wgsl }) => wgsl.match(heads)!.join('\n'));
  if (!head || others.some((other) => other !== head)) return undefined;
  const bindings: Binding[] = [];
  const types: string[] = [];
  const place = (binding: Binding, type: string): number => {
    const number = addBinding(bindings, binding);
    types[number] ??= type;
    return number;
  };
  const parts = kernels.map((kernel, i) => partOf(kernel, i, place));
  if (bindings.length > MAX_BINDINGS) return undefined;
  let total = 0;
  const turns = kernels.map(({ workgroups: [x, y, z] }, i) => {
    const at = `(group.x - ${total}u)`;
    total += x * y * z;
    const own = `vec3u(${at} % ${x}u, ${at} / ${x}u % ${y}u, ${at} / ${x * y}u)`;
    return `if (group.x < ${total}u) { main_${i}(${own}, lane); return; }`;
  });
  const declared = bindings.map(({ access }, i) => declare(i, access, types[i]!));
  const enabled = new Set(kernels.flatMap(({ wgsl }) => wgsl.match(/^enable .*/gm) ?? []));
  const wgsl = [...enabled, ...declared, ...parts, head, ...turns, '}'].join('\n');
  return { wgsl, bindings, workgroups: [total, 1, 1] };
}
