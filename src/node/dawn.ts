// Finds a WebGPU adapter in Node, through Dawn (the npm package webgpu). In this order: a real GPU, an installed
// software driver, SwiftShader out of @sparticuz/chromium. Drivers are chosen through the Vulkan loader's variables
// VK_DRIVER_FILES and VK_ICD_FILENAMES, which are honoured where the user has set them.
import { existsSync, readdirSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DeviceError, NablaError } from '../core/errors.js';
import type { AdapterClass } from '../graph/op.js';
import { messageOf } from './failures.js';
import { findPeer } from './peers.js';
import { unpackChromium } from './unpack.js';

/** What NABLA_ADAPTER and NABLA_ADAPTER_CLASS may name. 'gpu' stands for installed drivers: where it is not named, software ones too. */
const choices = ['gpu', 'lavapipe', 'swiftshader'] as const;
type Route = (typeof choices)[number];

const { VK_DRIVER_FILES, VK_ICD_FILENAMES } = process.env;
const chosenByUser = VK_DRIVER_FILES || VK_ICD_FILENAMES;
const newerMesa =
  'on Debian 12, with bookworm-backports among the sources: apt-get install -t bookworm-backports mesa-vulkan-drivers';
const ofUser = chosenByUser ? ` (${chosenByUser})` : '';
/** The reason where a driver is installed and gives no adapter, or none of the kind that is asked for. */
const badDriver = `no installed driver${ofUser} gives one; update the driver, Mesa 22 is too old; ${newerMesa}`;

// Dawn crashes when what create() returned is collected, so instances live as long as the process.
const instances = new Map<string, Promise<GPU>>();

/** What Dawn withholds unless it is asked for, and its toggle for that. */
const toggles = { subgroupMatrix: 'allow_unsafe_apis', f16: 'vulkan_enable_f16_on_nvidia' };
/** What of it is wanted. */
type Wanted = { readonly [K in keyof typeof toggles]?: boolean | undefined };

function instanceOf(route: Route, { subgroupMatrix, f16 }: Wanted): Promise<GPU> {
  const features = [
    ...(subgroupMatrix ? [toggles.subgroupMatrix] : []),
    ...(f16 ? [toggles.f16] : []),
  ].join();
  const key = `${route} ${features}`;
  const known = instances.get(key) ?? openRoute(route, features);
  instances.set(key, known);
  return known;
}

/** The class of adapters that NABLA_ADAPTER_CLASS names, if it is set. Throws DeviceError where it names none. */
export function forcedClass(): AdapterClass | undefined {
  const forced = process.env.NABLA_ADAPTER_CLASS || undefined;
  const known = choices.find((each) => each === forced);
  if (forced === known) return known;
  throw new DeviceError(`open: NABLA_ADAPTER_CLASS=${forced} is none of ${choices.join(', ')}`);
}

/**
 * An adapter, a line on what runs and where it came from, and why an installed driver, which comes first, does not run; or
 * why there is none, and whether NABLA_ADAPTER named it, so that nothing may take its place. An adapter gives one device;
 * call again for another. NABLA_ADAPTER=gpu, lavapipe or swiftshader takes that one only. Matrix units, and half precision
 * where Dawn has had trouble with it, are offered where they are `wanted`.
 */
export async function findAdapter(powerPreference?: GPUPowerPreference, wanted: Wanted = {}) {
  const forced = process.env.NABLA_ADAPTER ?? '';
  const routes = choices.filter((route) => (forced ? route === forced : route !== 'lavapipe'));
  const none = (missing: string) => ({ missing, forced: forced !== '' });
  if (!routes.length) return none(`NABLA_ADAPTER=${forced} is none of ${choices.join(', ')}`);
  const reasons = new Set<string>();
  for (const route of routes)
    try {
      const gpu = await instanceOf(route, wanted);
      const adapter = await gpu.requestAdapter(powerPreference ? { powerPreference } : {});
      if (adapter && !(forced === 'gpu' && adapter.info.isFallbackAdapter))
        return { gpu, adapter, source: describe(route, adapter), refused: [...reasons][0] };
      reasons.add(route === 'swiftshader' ? 'SwiftShader gives no adapter' : badDriver);
    } catch (error) {
      if (!(error instanceof NablaError)) throw error;
      reasons.add(error.message);
    }
  const where = forced && ` for NABLA_ADAPTER=${forced}`;
  return none(`no WebGPU adapter${where}: ${[...reasons].join('; ')}`);
}

function describe(route: Route, { info }: GPUAdapter): string {
  if (route === 'swiftshader') return 'SwiftShader from @sparticuz/chromium';
  if (info.isFallbackAdapter)
    return `${info.description || info.device} (installed software driver)`;
  const name = [info.device, info.description].filter(Boolean).join(', ');
  return `${name || info.vendor || 'unnamed'} (GPU)`;
}

/** Dawn with a route's driver. Throws NablaError where something is missing. */
async function openRoute(route: Route, features: string): Promise<GPU> {
  const { href } = pathToFileURL(findPeer('webgpu'));
  prepareVulkan(route);
  try {
    const dawn: typeof import('webgpu') = await import(/* @vite-ignore */ href);
    const { create, globals } = dawn;
    // GPUBufferUsage and its like; a name that is already there stays.
    for (const [name, value] of Object.entries(globals))
      if (!(name in globalThis))
        Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    return create(features ? [`enable-dawn-features=${features}`] : []);
  } catch (error) {
    const [reason] = messageOf(error).split('\n');
    throw new NablaError(`the package webgpu (Dawn) does not load: ${reason}`);
  }
}

/** Makes a Vulkan loader and the route's driver visible to Dawn. Throws NablaError where one is missing. */
function prepareVulkan(route: Route): void {
  if (process.platform !== 'linux' && route !== 'gpu')
    throw new NablaError(`${route} is for Linux only`);
  if (process.platform !== 'linux') return;
  const packaged = (file: string): string => join(unpackChromium('swiftshader'), file);
  const driver =
    route === 'swiftshader'
      ? packaged('vk_swiftshader_icd.json')
      : installedDriver(route === 'lavapipe');
  const noLavapipe = `lavapipe is not installed; ${newerMesa}`;
  if (!driver) throw new NablaError(route === 'gpu' ? 'no Vulkan driver is installed' : noLavapipe);
  // The package has a loader too, for machines with a driver and no loader.
  if (!dlopenGlobal('libvulkan.so.1') && !dlopenGlobal(packaged('libvulkan.so.1')))
    throw new NablaError(`the Vulkan loader ${packaged('libvulkan.so.1')} does not load`);
  if (route !== 'gpu')
    Object.assign(process.env, { VK_DRIVER_FILES: driver, VK_ICD_FILENAMES: driver });
}

/** One of the driver manifests where the Vulkan loader looks; without any, Dawn would only complain. */
function installedDriver(lavapipe: boolean): string | undefined {
  const { XDG_DATA_DIRS = '/usr/local/share:/usr/share' } = process.env;
  const bases = ['/etc', join(homedir(), '.local/share'), ...XDG_DATA_DIRS.split(':')];
  const folders = bases.map((base) => join(base, 'vulkan/icd.d')).filter(existsSync);
  const files = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  return (chosenByUser ? [chosenByUser] : files).find((file) => !lavapipe || file.includes('lvp'));
}

/** What a poll sleeps on: nobody ever wakes it. */
const cell = new Int32Array(new SharedArrayBuffer(4));
let asked = 0; // ms

/** Runs a function that makes Dawn poll, and has the next poll wait longer the longer ago the last `ask` was. */
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
  Object.assign(globalThis, { setImmediate: later });
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
    return messageOf(error).includes('did not self-register');
  }
}
