// The pages that TypeDoc makes of doc comments, guides and README.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root, run } from '../support/cli.js';

it('are made without a warning', async () => {
  const typedoc = join(root, 'node_modules/typedoc/bin/typedoc');
  const { code, out, errors } = await run(
    typedoc,
    ['--options', 'docs/typedoc.json', '--emit', 'none'],
    root,
  );
  expect(code, out + errors).toBe(0);
});
