// What `nabla doctor` prints: what this machine has to run on, and the line that mends what is missing.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { styleText } from 'node:util';
import { findBrowser } from './chromium.js';
import { findAdapter } from './dawn.js';
import { type Peer, resolvePeer } from './peers.js';

interface Section {
  readonly title: string;
  readonly lines: readonly string[];
  /** What to do about what is missing. */
  readonly fixes: readonly string[];
}

const shownLimits = [
  ...(['maxBufferSize', 'maxStorageBufferBindingSize', 'maxComputeWorkgroupStorageSize'] as const),
  ...(['maxStorageBuffersPerShaderStage', 'maxComputeInvocationsPerWorkgroup'] as const),
];

/** 134217728 → "128 MiB" */
function inBytes(value: number): string {
  const unit = Math.min(3, Math.floor(Math.log2(Math.max(1, value)) / 10));
  return `${Number((value / 1024 ** unit).toFixed(1))}${['', ' KiB', ' MiB', ' GiB'][unit]}`;
}

async function adapterSection(): Promise<Section> {
  const title = 'Adapter';
  const found = await findAdapter();
  if ('missing' in found)
    return { title, lines: ['none; Nabla runs on the CPU in float64, which is slow'], fixes: [found.missing] };
  const { info, limits, features } = found.adapter;
  const manifest = process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES;
  const sizes = shownLimits.map((name) => `${name} ${/Size$/.test(name) ? inBytes(limits[name]) : limits[name]}`);
  const lines = [
    found.source,
    `device    ${[info.vendor, info.architecture, info.device].filter(Boolean).join(', ') || 'unnamed'}`,
    `driver    ${info.description || 'unnamed'}${manifest ? `, from ${manifest}` : ''}`,
    `features  ${[...features].sort().join(', ') || 'none'}`,
    `limits    ${sizes.join(', ')}`,
    `choose    NABLA_ADAPTER=gpu, lavapipe or swiftshader; now ${process.env.NABLA_ADAPTER || 'the first that is there'}`,
  ];
  return { title, lines, fixes: [] };
}

async function browserSection(): Promise<Section> {
  const found = await findBrowser();
  return 'missing' in found
    ? { title: 'Browser', lines: ['none; only the tests in a browser need one'], fixes: [found.missing] }
    : { title: 'Browser', lines: [found.source], fixes: [] };
}

const uses: Readonly<Record<Peer, string>> = {
  webgpu: 'Dawn: WebGPU in Node',
  '@sparticuz/chromium': 'SwiftShader, and a browser where none is installed (Linux x64)',
};

function packageSection(): Section {
  const found = (Object.keys(uses) as Peer[]).map((name) => ({ name, file: resolvePeer(name) }));
  return {
    title: 'Packages',
    lines: found.map(({ name, file }) => `${name} ${file ? versionOf(file) : 'is not installed'}: ${uses[name]}`),
    fixes: [], // what lacks them says so
  };
}

/** The version in the first package.json above a package's file that has one. */
function versionOf(file: string): string {
  for (let at = dirname(file); at !== dirname(at); at = dirname(at)) {
    const manifest = join(at, 'package.json');
    const { version } = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')) : {};
    if (version) return version;
  }
  return 'of unknown version';
}

/** A line within 80 columns; what goes over stands under what follows the label of ten columns. */
const wrap = (line: string): string =>
  line.replace(/(.{10})(.*)/, (_, label: string, rest: string) => label + rest.replace(/(.{1,68}) /g, breakAfter));
const breakAfter = (text: string, part: string, at: number, whole: string): string =>
  whole.length - at > 68 ? `${part}\n${' '.repeat(12)}` : text;

/** Prints what was found and how to mend what is missing; resolves to whether a GPU engine can run. */
export async function doctor(version: string, print: (line: string) => void): Promise<boolean> {
  const bold = (text: string): string => styleText('bold', text, { stream: process.stdout });
  print(`nabla ${version}, Node ${process.version}, ${process.platform} ${process.arch}`);
  // One after the other: both may unpack the same package.
  const sections = [await adapterSection(), await browserSection(), packageSection()];
  for (const { title, lines } of sections) {
    print(`\n${bold(title)}`);
    for (const line of lines) print(`  ${wrap(line)}`);
  }
  const fixes = [...new Set(sections.flatMap((section) => section.fixes))];
  print(`\n${fixes.length ? bold('To mend') : 'Nothing is missing.'}`);
  for (const fix of fixes) print(`  ${fix}`);
  return sections[0]!.fixes.length === 0;
}
