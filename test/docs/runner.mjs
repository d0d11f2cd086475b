// Runs programs one after the other; what each part prints, and the error that ends it, go to stdout as JSON.
import { format } from 'node:util';

const printed = [];
for (const program of process.argv.slice(2)) {
  const parts = [''];
  globalThis.endOfPart = () => parts.push('');
  console.log = (...values) => {
    parts[parts.length - 1] += `${format(...values)}\n`;
  };
  try {
    await import(program);
  } catch (error) {
    parts[parts.length - 1] += `${error.name}: ${error.message}\n`;
  }
  printed.push(parts);
}
process.stdout.write(JSON.stringify(printed));
