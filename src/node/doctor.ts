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
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, NABLA_ADAPTER, NABLA_ADAPTER_CLASS } = process.env;
  const device = [info.vendor, info.architecture, info.device].filter(Boolean).join(', ');
  const manifest = VK_DRIVER_FILES || VK_ICD_FILENAMES;
  const origin = manifest ? `, from ${manifest}` : '';
  const shown = shownLimits.map((name) => `${name} ${count(limits[name])}`);
  const choice = NABLA_ADAPTER || 'the first that is there';
  return [
    source,
    `device    ${device || 'unnamed'}`,
    `driver    ${info.description || 'unnamed'}${origin}`,
    `features  ${[...features].sort().join(', ') || 'none'}`,
    `limits    ${shown.join(', ')}`,
    `choose    NABLA_ADAPTER=gpu, lavapipe or swiftshader; now ${choice}`,
    ...(NABLA_ADAPTER_CLASS ? [`kernels   as for NABLA_ADAPTER_CLASS=${NABLA_ADAPTER_CLASS}`] : []),
  ];
}

/** Prints what was found and how to install what is missing; resolves to whether a GPU engine can run. */
export async function doctor(): Promise<boolean> {
  const section = (title: string, lines: readonly string[]): void => {
    const heading = `\n${styleText('bold', title)}`;
    print([heading, ...lines].join('\n  '));
  };
  print(`nabla ${version}, Node ${process.version}, ${process.platform} ${process.arch}`);
  const found = await findAdapter();
  const lacksGpu = 'missing' in found;
  const none = 'none; Nabla runs on the CPU in float64, which is slow';
  section('Adapter', lacksGpu ? [found.forced ? 'none of this name' : none] : adapterLines(found));
  const browser = findBrowser();
  const lacksBrowser = 'missing' in browser;
  const noBrowser = 'none; only the tests in a browser need one';
  section('Browser', [lacksBrowser ? noBrowser : browser.source]);
  const ofAdapter = lacksGpu ? found.missing : found.refused;
  const ofBrowser = lacksBrowser ? browser.missing : undefined;
  const lines = [ofAdapter, ofBrowser].flatMap((fix) => {
    // a command stands on a line of its own, to be copied
    const text = fix?.replace(/: ((npm|apt-get) install [^;]+)/g, ':\n  $1');
    return text?.split('\n') ?? [];
  });
  section(lines.length ? 'To fix' : 'Nothing is missing.', lines);
  return !lacksGpu;
}
