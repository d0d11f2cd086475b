import type { Kernel } from './kernels.js';
import { MAX_BINDINGS } from './units.js';
import type { Binding } from './writer.js';

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
 * their workgroups differ, or they bind too much.
 */
export function joinKernels(kernels: readonly Kernel[]): Kernel | undefined {
  const entry = /@compute @workgroup_size\(GROUP_X, GROUP_Y\)\nfn main\(([\s\S]*?)\) \{/;
  const sizeOf = ({ wgsl }: Kernel): string => /const GROUP_X = (\d+u);\nconst GROUP_Y = \d+u;/.exec(wgsl)![0];
  const parameters = entry.exec(kernels[0]!.wgsl)![1]!;
  if (kernels.some((kernel) => sizeOf(kernel) !== sizeOf(kernels[0]!) || !kernel.wgsl.includes(parameters)))
    return undefined;
  const bindings: Binding[] = [];
  const types: string[] = [];
  const place = (binding: Binding, type: string): number => {
    const known = bindings.findIndex(({ node, vector }) => node === binding.node && vector === binding.vector);
    if (known >= 0 && binding.access === 'read_write') bindings[known] = binding;
    if (known < 0) types.push(type);
    return known < 0 ? bindings.push(binding) - 1 : known;
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
  const declared = bindings.map(
    ({ access }, i) => `@group(0) @binding(${i}) var<storage, ${access}> b${i}: ${types[i]};`,
  );
  const enabled = new Set(kernels.flatMap(({ wgsl }) => wgsl.match(/^enable .*/gm) ?? []));
  const main = `${sizeOf(kernels[0]!)}\n@compute @workgroup_size(GROUP_X, GROUP_Y)\nfn main(${parameters}) {\n${turns.join('\n')}\n}`;
  return { wgsl: [...enabled, ...declared, ...parts, main].join('\n'), bindings, workgroups: [total, 1, 1] };
}
