// The cards that the model knows, as plain data: data sheets, rounded; latencies from published microbenchmarks.

export interface Card {
  readonly name: string;
  /** Multiprocessors, or cores. */
  readonly cores: number;
  /** Waves (warps) that a core holds at one time, and invocations of each. */
  readonly waves: number;
  readonly wave: number;
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Nanoseconds until a load of a buffer, and one of workgroup memory, is there. */
  readonly globalLatency: number;
  readonly sharedLatency: number;
  /** Nanoseconds from one dispatch to the next. */
  readonly launch: number;
}

export const cards: Readonly<Record<string, Card>> = {
  h200: {
    name: 'h200',
    ...{ cores: 132, waves: 64, wave: 32, flopsPerSecond: 67e12, bytesPerSecond: 4800e9 },
    ...{ globalLatency: 500, sharedLatency: 25, launch: 3000 },
  },
  rtx4070: {
    name: 'rtx4070',
    ...{ cores: 46, waves: 48, wave: 32, flopsPerSecond: 29e12, bytesPerSecond: 504e9 },
    ...{ globalLatency: 450, sharedLatency: 25, launch: 5000 },
  },
  m3: {
    name: 'm3',
    ...{ cores: 10, waves: 32, wave: 32, flopsPerSecond: 3.6e12, bytesPerSecond: 100e9 },
    ...{ globalLatency: 350, sharedLatency: 30, launch: 8000 },
  },
  // Adreno 740 class; its waves hold 64 invocations
  phone: {
    name: 'phone',
    ...{ cores: 6, waves: 16, wave: 64, flopsPerSecond: 2.1e12, bytesPerSecond: 67e9 },
    ...{ globalLatency: 600, sharedLatency: 50, launch: 15_000 },
  },
};
