// Finds a WebGPU adapter in Node, through Dawn (the npm package webgpu). In this order: a real GPU, an installed
// software driver, SwiftShader out of @sparticuz/chromium. Drivers are chosen through the Vulkan loader's variables
// VK_DRIVER_FILES and VK_ICD_FILENAMES, which are honoured where the user has set them.
import { existsSync, readdirSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { installLine, resolvePeer } from './peers.js';
import { unpackChromium } from './unpack.js';

export interface AdapterOptions {
  powerPreference?: GPUPowerPreference | undefined;
  /** true: a software adapter; false: a real GPU; left out: whatever comes first. */
  software?: boolean | undefined;
}

export interface FoundAdapter {
  gpu: GPU;
  adapter: GPUAdapter;
  /** One line: what runs and where it came from. */
  source: string;
}

type Route = 'installed' | 'lavapipe' | 'swiftshader';

// Dawn crashes when what create() returned is collected, so instances live as long as the process.
const instances = new Map<Route, Promise<{ gpu: GPU } | { missing: string }>>();

/**
 * An adapter, or why there is none and the line that installs what is missing. An adapter gives one device; call again
 * for another. NABLA_ADAPTER=gpu, lavapipe or swiftshader takes that one only.
 */
export async function findAdapter(options: AdapterOptions = {}): Promise<FoundAdapter | { missing: string }> {
  const forced = process.env.NABLA_ADAPTER || undefined;
  const routes = forced === undefined ? (['installed', 'swiftshader'] as const) : routesOf(forced);
  if (!routes) return { missing: `NABLA_ADAPTER=${forced} is none of gpu, lavapipe, swiftshader` };
  const software = forced === undefined ? options.software : forced !== 'gpu';
  const reasons: string[] = [];
  for (const route of routes) {
    if (route === 'swiftshader' && software === false) continue;
    if (!instances.has(route)) instances.set(route, openRoute(route));
    const opened = await instances.get(route)!;
    if ('missing' in opened) {
      reasons.push(opened.missing);
      continue;
    }
    const adapter = await request(opened.gpu, options.powerPreference, software);
    if (adapter) return { gpu: opened.gpu, adapter, source: describe(route, adapter) };
    reasons.push(route === 'installed' ? 'no installed driver gives a fitting adapter' : `${route} gives no adapter`);
  }
  return { missing: `no WebGPU adapter: ${[...new Set(reasons)].join('; ')}` };
}

async function request(
  gpu: GPU,
  powerPreference: GPUPowerPreference | undefined,
  software: boolean | undefined,
): Promise<GPUAdapter | null> {
  const wishes = powerPreference ? { powerPreference } : {};
  const first = await gpu.requestAdapter(wishes);
  if (!first || software === undefined || first.info.isFallbackAdapter === software) return first;
  // As a first request, forceFallbackAdapter would make Dawn look for SwiftShader alone.
  return software ? gpu.requestAdapter({ ...wishes, forceFallbackAdapter: true }) : null;
}

const routesOf = (forced: string): readonly Route[] | undefined =>
  forced === 'gpu' ? ['installed'] : forced === 'lavapipe' || forced === 'swiftshader' ? [forced] : undefined;

function describe(route: Route, { info }: GPUAdapter): string {
  if (route === 'swiftshader') return 'SwiftShader from @sparticuz/chromium';
  if (info.isFallbackAdapter) return `${info.description || info.device} (installed software driver)`;
  return `${[info.device, info.description].filter(Boolean).join(', ') || info.vendor || 'unnamed'} (GPU)`;
}

async function openRoute(route: Route): Promise<{ gpu: GPU } | { missing: string }> {
  const main = resolvePeer('webgpu');
  if (!main) return { missing: `the package webgpu (Dawn) is not installed; run: ${installLine.webgpu}` };
  if (process.platform === 'linux') {
    const missing = await prepareVulkan(route);
    if (missing) return { missing };
  } else if (route !== 'installed') return { missing: `${route} is for Linux only` };
  try {
    const { create, globals } = (await import(/* @vite-ignore */ pathToFileURL(main).href)) as typeof import('webgpu');
    installGlobals(globals);
    return { gpu: create([]) };
  } catch (error) {
    return { missing: `the package webgpu (Dawn) does not load: ${(error as Error).message.split('\n')[0]}` };
  }
}

/** GPUBufferUsage and its like; a name that is already there stays. */
function installGlobals(globals: object): void {
  for (const [name, value] of Object.entries(globals))
    if (!(name in globalThis))
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: false });
}

/** Makes a Vulkan loader and the route's driver visible to Dawn; returns what is missing, if anything is. */
async function prepareVulkan(route: Route): Promise<string | undefined> {
  const manifests = driverManifests();
  const chosenByUser = process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES;
  if (route === 'installed' && !manifests.length && !chosenByUser) return 'no Vulkan driver is installed';
  const lavapipe = chosenByUser?.includes('lvp') ? chosenByUser : manifests.find((file) => file.includes('lvp_icd'));
  if (route === 'lavapipe' && !lavapipe)
    return 'lavapipe is not installed; on Debian 12: apt-get install -t bookworm-backports mesa-vulkan-drivers';

  // The package has a loader too, for machines with a driver and no loader.
  const systemLoader = dlopenGlobal('libvulkan.so.1');
  if (route === 'swiftshader' || !systemLoader) {
    const unpacked = await unpackChromium('swiftshader');
    if ('missing' in unpacked) return unpacked.missing;
    if (!systemLoader && !dlopenGlobal(join(unpacked.folder, 'libvulkan.so.1')))
      return `the Vulkan loader ${join(unpacked.folder, 'libvulkan.so.1')} does not load`;
    if (route === 'swiftshader') chooseDriver(join(unpacked.folder, 'vk_swiftshader_icd.json'));
  }
  if (route === 'lavapipe') chooseDriver(lavapipe!);
  return undefined;
}

function chooseDriver(manifest: string): void {
  process.env.VK_DRIVER_FILES = manifest;
  process.env.VK_ICD_FILENAMES = manifest;
}

/** The driver manifests in the folders that the Vulkan loader searches. */
function driverManifests(): string[] {
  const { XDG_CONFIG_HOME, XDG_CONFIG_DIRS, XDG_DATA_HOME, XDG_DATA_DIRS } = process.env;
  const bases = [
    XDG_CONFIG_HOME || join(homedir(), '.config'),
    ...(XDG_CONFIG_DIRS || '/etc/xdg').split(':'),
    '/etc',
    XDG_DATA_HOME || join(homedir(), '.local/share'),
    ...(XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(':'),
  ];
  const folders = [...new Set(bases)].map((base) => join(base, 'vulkan/icd.d')).filter(existsSync);
  return folders.flatMap((folder) =>
    readdirSync(folder).flatMap((name) => (name.endsWith('.json') ? [join(folder, name)] : [])),
  );
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
