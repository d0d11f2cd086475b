// npm run bench:pack: one folder that runs the benchmark on a Linux x64 machine with a GPU and without Node or network.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { unpackChromium } from '../../src/node/unpack.js';
import { commit } from './history.js';

const target = '.cache/bench-pack';

function copy(source: string, file = basename(source)): void {
  mkdirSync(dirname(join(target, file)), { recursive: true });
  copyFileSync(source, join(target, file));
}

/** As small as gzip makes it: what run.sh unpacks is there on every machine. */
function compress(source: string, file: string): void {
  mkdirSync(dirname(join(target, file)), { recursive: true });
  writeFileSync(join(target, `${file}.gz`), gzipSync(readFileSync(source), { level: 9 }));
}

/** NVIDIA's driver, for containers that have the library without a manifest. */
const manifest = {
  file_format_version: '1.0.0',
  ICD: { library_path: 'libGLX_nvidia.so.0', api_version: '1.3.0' },
};

function bytesUnder(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, each) => sum + (each.isFile() ? each.size : 0), 0);
}

if (process.platform !== 'linux' || process.arch !== 'x64')
  throw new Error(
    `bench:pack packs this Node for Linux x64; this is ${process.platform} ${process.arch}`,
  );
const swiftShader = unpackChromium('swiftshader');
rmSync(target, { recursive: true, force: true });
compress(process.execPath, 'node');
const dawn = 'node_modules/webgpu/dist/linux-x64/dawn.node';
compress(dawn, dawn);
copy('node_modules/webgpu/index.js', 'node_modules/webgpu/index.js');
// the history's line names the versions
for (const name of ['webgpu', '@jax-js/jax', '@tensorflow/tfjs-core'])
  copy(`node_modules/${name}/package.json`, `node_modules/${name}/package.json`);
const built = import.meta.dirname;
for (const name of readdirSync(built, { recursive: true, encoding: 'utf8' }))
  if (name.endsWith('.js') && basename(name) !== 'pack.js') copy(join(built, name), name);
copy(join(swiftShader, 'libvulkan.so.1'), 'lib/libvulkan.so.1');
for (const name of ['run.sh', 'bench_torch.py']) copy(`test/bench/pack/${name}`);
writeFileSync(join(target, 'lib/nvidia_icd.json'), JSON.stringify(manifest));
writeFileSync(join(target, 'package.json'), JSON.stringify({ type: 'module', commit: commit() }));
execFileSync('chmod', ['+x', join(target, 'run.sh')]);
const size = (bytesUnder(target) / 2 ** 20).toFixed(0);
process.stdout.write(
  `${target}: ${size} MiB; copy it to the machine and run: sh run.sh A C matmul\n`,
);
