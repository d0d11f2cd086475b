// The house rules of the repository. Each rule yields a list of offences; the list must be empty.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import {
  descendants,
  files,
  isIgnored,
  matches,
  parse,
  root,
  source,
  under,
} from './support/source.js';

const allowedAtTop = ['src', 'shaders', 'test', 'demo', 'docs', 'package.json', 'package-lock.json']
  .concat([
    'tsconfig.json',
    'vite.config.ts',
    'README.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'LICENSE',
  ]) // and dot files
  .sort();

describe('the repository', () => {
  it('has nothing else at the top level', () => {
    const names = readdirSync(root).filter((name) => !name.startsWith('.') && !isIgnored(name));
    expect(names.filter((name) => !allowedAtTop.includes(name))).toEqual([]);
  });

  it('depends on nothing at run time', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(dependencies).toEqual({});
  });

  it('knows no op by its name in the compiler', () => {
    const compiler = source.filter(({ path }) =>
      /^src\/(graph|autodiff|wgsl|planning|kernels|compiler|gpu)\//.test(path),
    );
    expect(matches(compiler, /builtIn\((?!\{)|\.op\.name [!=]==|\.op\.name\)/)).toEqual([]);
  });

  it('has one lexer for WGSL: nothing else searches or changes its text by a pattern', () => {
    // a device's driver is known by the names that it gives itself
    const mayHavePatterns = ['src/wgsl/lexer.ts', 'src/gpu/device.ts'];
    const compiler = source.filter(
      ({ path }) =>
        /^src\/(wgsl|planning|kernels|compiler|gpu)\//.test(path) &&
        !mayHavePatterns.includes(path),
    );
    const patterns = compiler.flatMap((file) =>
      [...descendants(parse(file))]
        .filter(ts.isRegularExpressionLiteral)
        .map((node) => `${file.path}: ${node.text}`),
    );
    expect(patterns).toEqual([]);
    const searches = /\bRegExp\b|\.(replace|replaceAll|match|matchAll|search)\(/;
    expect(matches(compiler, searches)).toEqual([]);
  });

  it('skips no test and silences no checker', () => {
    const skipped =
      /\b(it|test|describe|bench|suite)(\.\w+)*\.(skip|only|todo|fails|skipIf|runIf)\b/;
    expect(matches(under('test'), skipped)).toEqual([]);
    expect(matches(under('src', 'test', 'demo'), /@ts-(ignore|nocheck)|biome[-]ignore/)).toEqual(
      [],
    );
  });

  it('opens each file of src with a comment on what it is for', () => {
    const header = /^(#!.*\n)?\/\/ \S.{20,}\n/;
    expect(source.filter(({ text }) => !header.test(text)).map(({ path }) => path)).toEqual([]);
  });

  it('names no place on one machine and no package registry', () => {
    const place = /(^|[^\w.~-])\/(work|root|home|Users)\/|registry\.[a-z]+\.|deb\.debian/;
    expect(matches(files, place)).toEqual([]);
  });
});
