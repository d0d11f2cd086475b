// `nabla doctor`: lists the adapters and browsers of this machine, and how to install what is missing.
import { styleText } from 'node:util';
import { findBrowser } from './chromium.js';
import { count, print, version } from './cli/text.js';
import { findAdapter } from './dawn.js';

const shownLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeInvocationsPerWorkgroup',
] as const;

function adapterLines({ source, adapter }: { source: string; adapter: GPUAdapter }): string[] {
  const { info, limits, features } = adapter;
  const manifest = process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES;
  return [
    source,
    `device    ${[info.vendor, info.architecture, info.device].filter(Boolean).join(', ') || 'unnamed'}`,
    `driver    ${info.description || 'unnamed'}${manifest ? `, from ${manifest}` : ''}`,
    `features  ${[...features].sort().join(', ') || 'none'}`,
    `limits    ${shownLimits.map((name) => `${name} ${count(limits[name])}`).join(', ')}`,
    `choose    NABLA_ADAPTER=gpu, lavapipe or swiftshader; now ${process.env.NABLA_ADAPTER || 'the first that is there'}`,
  ];
}

/** Prints what was found and how to mend what is missing; resolves to whether a GPU engine can run. */
export async function doctor(): Promise<boolean> {
  const section = (title: string, lines: readonly string[]): void =>
    print([`\n${styleText('bold', title)}`, ...lines].join('\n  '));
  print(`nabla ${version}, Node ${process.version}, ${process.platform} ${process.arch}`);
  const found = await findAdapter();
  const lacksGpu = 'missing' in found;
  const none = 'none; Nabla runs on the CPU in float64, which is slow';
  section('Adapter', lacksGpu ? [found.forced ? 'none of this name' : none] : adapterLines(found));
  const browser = findBrowser();
  section('Browser', [
    'missing' in browser ? 'none; only the tests in a browser need one' : browser.source,
  ]);
  const fixes = [
    lacksGpu ? found.missing : found.refused,
    'missing' in browser ? browser.missing : undefined,
  ];
  // a command stands on a line of its own, to be copied
  const lines = fixes.flatMap(
    (fix) => fix?.replace(/: ((npm|apt-get) install [^;]+)/g, ':\n  $1').split('\n') ?? [],
  );
  section(lines.length ? 'To mend' : 'Nothing is missing.', lines);
  return !lacksGpu;
}
