// Warns of training runs that nobody awaits or iterates over, since those train nothing: when such a run is collected
// as garbage, or when the process ends, where there is one. Nothing is set up before the first run is made.

/** Where an unused run was made. It must not hold the run, which could then never be garbage. */
type Token = { readonly place: string };
type Watch = { readonly tokens: Set<Token>; readonly collected: FinalizationRegistry<Token> };
type Process = { on?(event: 'exit', listener: (code: number) => void): unknown };

let watch: Watch | undefined;

function report({ place }: Token): void {
  const where = place && ` (${place})`;
  const fact = `fit${where} was neither awaited nor iterated over, so it trained nothing`;
  console.warn(`nabla: ${fact}; write await fit(…), or for await (const report of fit(…))`);
}

function startWatch(): Watch {
  const tokens = new Set<Token>();
  const collected = new FinalizationRegistry<Token>((token) => {
    if (tokens.delete(token)) report(token);
  });
  // a listener does not keep the process alive; an error that ends it is the news then
  const process: Process | undefined = Reflect.get(globalThis, 'process');
  process?.on?.('exit', (code) => {
    if (code === 0) for (const token of tokens) report(token);
  });
  return { tokens, collected };
}

/** Makes a run, which calls `used` when it is; one that never is, is reported. Call this in the function that users call. */
export function expectUse<T extends object>(make: (used: () => void) => T): T {
  watch ??= startWatch();
  const { tokens, collected } = watch;
  // file:line of this function, of its caller, and of the user's call
  const frames = new Error().stack?.match(/[^\s()@]+:\d+(?=:\d+\)?$)/gm);
  const token: Token = { place: frames?.[2]?.replace(/^\w+:\/\//, '') ?? '' };
  const run = make(() => {
    tokens.delete(token);
    collected.unregister(token);
  });
  tokens.add(token);
  collected.register(run, token, token);
  return run;
}
