// Turns a shader compiler's message into an error that shows the function, its file and the lines around it.
import { functionAt } from '../wgsl/library.js';
import type { Trial } from './scratch.js';

/** The compiler's complaint, the function it is in with its file, and the lines around it. */
export async function explainShader(
  module: GPUShaderModule,
  { wgsl, origins }: Trial,
  cause: unknown,
): Promise<string> {
  const { messages } = await module.getCompilationInfo();
  const error = messages.find(({ type }) => type === 'error') ?? messages[0];
  if (!error) return `shader: ${cause instanceof Error ? cause.message : String(cause)}`;
  const { message, lineNum, linePos } = error;
  const lines = wgsl.split('\n');
  const found = functionAt(wgsl, lineNum);
  const { original = found?.name, file } = origins?.get(found?.name ?? '') ?? {};
  const source = file ? `, of ${file}` : '';
  const place = found ? ` in fn ${original}, its line ${lineNum - found.line + 1}${source}` : '';
  const from = Math.max(0, lineNum - 3);
  const excerpt = lines.slice(from, lineNum + 2).map((line, i) => {
    return `${from + i + 1 === lineNum ? '>' : ' '} ${from + i + 1} | ${line}`;
  });
  return `shader: ${message}${place} (line ${lineNum}, column ${linePos} of the kernel)\n${excerpt.join('\n')}`;
}
