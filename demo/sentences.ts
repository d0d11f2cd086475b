// What the page says about the machine.
import type { Machine, Missing } from './protocol.js';

/** What runs here, in a line. */
export function machineLine({ backend, adapter, software }: Machine): string {
  if (backend === 'cpu') return 'Runs on the CPU in float64, without WebGPU.';
  return `Runs on WebGPU: ${adapter}${software ? ' (software, no GPU)' : ''}.`;
}

/** Why there is no GPU, and what to do about it. */
export function missingNotice(missing: Missing): string {
  const slower = 'Until then everything here runs on the CPU, slower.';
  switch (missing) {
    case 'insecure':
      return `Browsers offer WebGPU only to secure pages: open this one over https or on localhost. ${slower}`;
    case 'unsupported':
      return `This browser has no WebGPU. Chrome and Edge from version 113, Safari from 26 and Firefox from 141 have it on most machines; on Linux it may have to be switched on. ${slower}`;
    case 'no adapter':
      return `WebGPU finds no graphics adapter here. Switch “hardware acceleration” on in the browser's settings, or update the graphics driver. ${slower}`;
    default:
      return missing satisfies never;
  }
}
