// WebGPU's constants of what buffers are for.

/** WebGPU's constants, which Node lacks as globals. */
export const usage = {
  mapRead: 1,
  copySource: 4,
  copyDestination: 8,
  data: 4 | 8 | 128,
  queryResolve: 512,
} as const;
