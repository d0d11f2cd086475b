// Finds a WebGPU adapter in Node, through Dawn (the npm package webgpu). In this order: a real GPU, an installed
// software driver, SwiftShader out of @sparticuz/chromium. Drivers are chosen through the Vulkan loader's variables
// VK_DRIVER_FILES and VK_ICD_FILENAMES, which are honoured where the user has set them.
import { existsSync, readdirSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findPeer } from './peers.js';
import { unpackChromium } from './unpack.js';

export interface FoundAdapter {
  gpu: GPU;
  adapter: GPUAdapter;
  /** One line: what runs and where it came from. */
  source: string;
  /** Why an installed driver, which comes first, does not run, and what to do. */
  refused: string | undefined;
}
export interface NoAdapter {
  /** Why, and the line that installs what is missing. */
  missing: string;
  /** NABLA_ADAPTER names one, so nothing may take its place. */
  forced: boolean;
}

type Route = 'installed' | 'lavapipe' | 'swiftshader';
/** By NABLA_ADAPTER. */
const routesOf = new Map<string, readonly Route[]>([
  ['', ['installed', 'swiftshader']],
  ['gpu', ['installed']],
  ['lavapipe', ['lavapipe']],
  ['swiftshader', ['swiftshader']],
]);

const chosenByUser = process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES;
const newerMesa =
  'on Debian 12, with bookworm-backports among the sources: apt-get install -t bookworm-backports mesa-vulkan-drivers';

// Dawn crashes when what create() returned is collected, so instances live as long as the process.
const instances = new Map<Route, Promise<{ gpu: GPU } | { missing: string }>>();

/**
 * An adapter, or why there is none. An adapter gives one device; call again for another. NABLA_ADAPTER=gpu, lavapipe or
 * swiftshader takes that one only.
 */
export async function findAdapter(powerPreference?: GPUPowerPreference): Promise<FoundAdapter | NoAdapter> {
  const forced = process.env.NABLA_ADAPTER ?? '';
  const routes = routesOf.get(forced);
  if (!routes) return { missing: `NABLA_ADAPTER=${forced} is none of gpu, lavapipe, swiftshader`, forced: true };
  const reasons = new Set<string>();
  for (const route of routes) {
    if (!instances.has(route)) instances.set(route, openRoute(route));
    const opened = await instances.get(route)!;
    const adapter = 'gpu' in opened && (await opened.gpu.requestAdapter(powerPreference ? { powerPreference } : {}));
    if (adapter && !(forced === 'gpu' && adapter.info.isFallbackAdapter))
      return { gpu: opened.gpu, adapter, source: describe(route, adapter), refused: [...reasons][0] };
    reasons.add('missing' in opened ? opened.missing : refusal(route));
  }
  const where = forced && ` for NABLA_ADAPTER=${forced}`;
  return { missing: `no WebGPU adapter${where}: ${[...reasons].join('; ')}`, forced: forced !== '' };
}

/** What is wrong where a driver is there and gives no adapter, or none of the kind that is asked for. */
function refusal(route: Route): string {
  if (route === 'swiftshader') return 'SwiftShader gives no adapter';
  const chosen = chosenByUser ? ` (${chosenByUser})` : '';
  return `no installed driver${chosen} gives one; update the driver, Mesa 22 is too old; ${newerMesa}`;
}

function describe(route: Route, { info }: GPUAdapter): string {
  if (route === 'swiftshader') return 'SwiftShader from @sparticuz/chromium';
  if (info.isFallbackAdapter) return `${info.description || info.device} (installed software driver)`;
  return `${[info.device, info.description].filter(Boolean).join(', ') || info.vendor || 'unnamed'} (GPU)`;
}

async function openRoute(route: Route): Promise<{ gpu: GPU } | { missing: string }> {
  const dawn = findPeer('webgpu');
  if ('missing' in dawn) return dawn;
  const missing = prepareVulkan(route);
  if (missing) return { missing };
  try {
    const { create, globals } = (await import(
      /* @vite-ignore */ pathToFileURL(dawn.main).href
    )) as typeof import('webgpu');
    // GPUBufferUsage and its like; a name that is already there stays.
    for (const [name, value] of Object.entries(globals))
      if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    return { gpu: create([]) };
  } catch (error) {
    return { missing: `the package webgpu (Dawn) does not load: ${(error as Error).message.split('\n')[0]}` };
  }
}

/** Makes a Vulkan loader and the route's driver visible to Dawn; returns what is missing, if anything is. */
function prepareVulkan(route: Route): string | undefined {
  if (process.platform !== 'linux') return route === 'installed' ? undefined : `${route} is for Linux only`;
  const manifests = chosenByUser ? [chosenByUser] : driverManifests();
  if (route === 'installed' && !manifests.length) return 'no Vulkan driver is installed';
  let driver = route === 'lavapipe' ? manifests.find((file) => file.includes('lvp')) : undefined;
  if (route === 'lavapipe' && !driver) return `lavapipe is not installed; ${newerMesa}`;
  // The package has a loader too, for machines with a driver and no loader.
  const hasLoader = dlopenGlobal('libvulkan.so.1');
  if (route === 'swiftshader' || !hasLoader) {
    const unpacked = unpackChromium('swiftshader');
    if ('missing' in unpacked) return unpacked.missing;
    const loader = join(unpacked.folder, 'libvulkan.so.1');
    if (!hasLoader && !dlopenGlobal(loader)) return `the Vulkan loader ${loader} does not load`;
    if (route === 'swiftshader') driver = join(unpacked.folder, 'vk_swiftshader_icd.json');
  }
  if (driver) Object.assign(process.env, { VK_DRIVER_FILES: driver, VK_ICD_FILENAMES: driver });
  return undefined;
}

/** The driver manifests in the folders that the Vulkan loader searches. Without any, Dawn would only complain. */
function driverManifests(): string[] {
  const { XDG_DATA_DIRS = '/usr/local/share:/usr/share' } = process.env;
  const bases = ['/etc', join(homedir(), '.local/share'), ...XDG_DATA_DIRS.split(':')];
  const folders = bases.map((base) => join(base, 'vulkan/icd.d')).filter(existsSync);
  return folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
}

const cell = new Int32Array(new SharedArrayBuffer(4));
let asked = 0;

/** Runs what makes Dawn poll, or a poll, so that the next one is late. */
function withRarePolls<T>(run: () => T): T {
  const { setImmediate } = globalThis;
  const later = (poll: () => void): void => {
    const nap = Math.min(50, 0.2 + (performance.now() - asked) / 8); // ms
    const next = (): void => withRarePolls(poll);
    if (nap >= 1) setTimeout(next, nap);
    else
      setImmediate(() => {
        Atomics.wait(cell, 0, 0, nap);
        next();
      });
  };
  globalThis.setImmediate = later as unknown as typeof setImmediate;
  try {
    return run();
  } finally {
    globalThis.setImmediate = setImmediate;
  }
}

/**
 * Asks Dawn for a promise. While one is pending Dawn polls without a break, each time through globalThis.setImmediate, and
 * so takes a core from software adapters; with this, an eighth of the time since the last question passes between polls.
 */
export function ask<T>(question: () => T): T {
  asked = performance.now();
  return withRarePolls(question);
}

const RTLD_NODELETE = 0x1000;

/** Loads a shared library for later dlopen calls by its name. It is no Node addon, so success is a certain error. */
function dlopenGlobal(file: string): boolean {
  const { RTLD_NOW, RTLD_GLOBAL } = constants.dlopen;
  try {
    process.dlopen({ exports: {} }, file, RTLD_NOW! | RTLD_GLOBAL! | RTLD_NODELETE);
    return true;
  } catch (error) {
    return (error as Error).message.includes('did not self-register');
  }
}
