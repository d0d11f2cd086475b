// The line between the live page and its worker: whatever is asked for and however late answers come, a part hears only what
// belongs to its present run, and after a failure nothing until it begins anew.
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { Link } from '../../demo/link.js';
import type { Answer, Reply, Request, Service } from '../../demo/protocol.js';
import { type Makers, Sessions } from '../../demo/sessions.js';
import { forAllAsync } from '../support/property.js';

/** A service that keeps its answers: the test sends them when it likes. */
class Echo {
  static readonly alive = new Set<Echo>();
  readonly asked: { text: string; answer: Answer<'backprop'> }[] = [];
  constructor() {
    Echo.alive.add(this);
  }
  receive(request: unknown, answer: Answer<'backprop'>): void {
    this.asked.push({ text: String(request), answer });
  }
  close(): void {
    Echo.alive.delete(this);
  }
}

/** The page's end and the worker's, with messages that arrive in order, when `step` says so. */
function connect() {
  const [toWorker, toPage]: [Request[], Reply[]] = [[], []];
  const workers: { onmessage?: (event: { data: Reply }) => void }[] = [];
  const services: Echo[] = [];
  const make = (): Service<'backprop'> => {
    const service = new Echo();
    services.push(service);
    return service;
  };
  const makers = {
    digits: make,
    playground: make,
    backprop: make,
    trust: make,
  } as unknown as Makers;
  const sessions = new Sessions(makers, (reply) => toPage.push(reply), String);
  vi.stubGlobal(
    'Worker',
    class {
      onmessage?: (event: { data: Reply }) => void;
      constructor() {
        workers.push(this);
      }
      postMessage(data: Request): void {
        toWorker.push(data);
      }
      terminate(): void {}
    },
  );
  const link = new Link({ opened: () => {}, checked: () => {}, broken: () => {} });
  link.open();
  return {
    ...{ link, services },
    async carry(direction: 'toWorker' | 'toPage'): Promise<void> {
      if (direction === 'toWorker') {
        const request = toWorker.shift();
        if (request) await sessions.receive(request);
      } else {
        const data = toPage.shift();
        if (data) workers.at(-1)!.onmessage!({ data });
      }
    },
  };
}

type Action =
  | { readonly do: 'open' | 'begin' | 'send' | 'forget' | 'toWorker' | 'toPage' }
  /** The service answers, or breaks, in what it was asked as the n-th. */
  | { readonly do: 'answer' | 'break'; readonly which: number };

const actions: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .constantFrom('open', 'begin', 'send', 'forget')
      .map((name) => ({ do: name }) as Action),
  },
  {
    weight: 6,
    arbitrary: fc.constantFrom('toWorker', 'toPage').map((name) => ({ do: name }) as Action),
  },
  { weight: 4, arbitrary: fc.nat(20).map((which) => ({ do: 'answer', which }) as Action) },
  { weight: 2, arbitrary: fc.nat(1).map((which) => ({ do: 'break', which }) as Action) },
);

it('hears answers of its present run alone, and none of what broke', () =>
  forAllAsync(fc.array(actions, { minLength: 20, maxLength: 80 }), 500, async (sequence) => {
    const { link, services, carry } = connect();
    // each request names the run that it was sent in, as the test counts them
    let run = 0;
    let opened = 0;
    let isFailed = false;
    const channel = link.channel('backprop', {
      receive: (message) => {
        expect(isFailed).toBe(false);
        expect(String(message)).toBe(`run ${run}`);
      },
      failed: (text) => {
        // of what the page opened last, once
        expect([isFailed, text]).toEqual([false, `Error: session ${opened}`]);
        isFailed = true;
        run++;
      },
    });
    const message = () => `run ${run}` as never;
    const begin = (): string => `run ${++run}`;
    const act = async (action: Action): Promise<void> => {
      switch (action.do) {
        case 'open':
          isFailed = false;
          opened++;
          return channel.open(begin() as never);
        case 'begin':
          return channel.begin(begin() as never);
        case 'forget':
          begin();
          return channel.begin();
        case 'send':
          return channel.send(message());
        case 'answer':
        case 'break': {
          // of any session, an old one too
          const all = services.flatMap(({ asked }, i) =>
            asked.map((each) => ({ ...each, session: i + 1 })),
          );
          const one = all[all.length - 1 - (action.which % Math.max(1, all.length))];
          if (action.do === 'answer') one?.answer.post(one.text as never);
          else one?.answer.fail(new Error(`session ${one.session}`));
          return;
        }
        default:
          return carry(action.do);
      }
    };
    for (const action of sequence) await act(action);
    for (let i = 0; i < sequence.length; i++) {
      await carry('toWorker');
      await carry('toPage');
    }
    expect(services.filter((service) => Echo.alive.has(service)).length).toBeLessThanOrEqual(1);
  }));

it('tells of a failure in an older run too, because what the part has in the worker is gone', async () => {
  const { link, services, carry } = connect();
  const heard: string[] = [];
  const channel = link.channel('backprop', {
    receive: (message) => heard.push(String(message)),
    failed: (message) => heard.push(`failed: ${message}`),
  });
  channel.open('first' as never);
  await carry('toWorker');
  const { answer } = services[0]!.asked[0]!;
  answer.fail('broken');
  answer.post('too late' as never);
  channel.begin('second' as never); // crosses the failure
  await carry('toWorker');
  await carry('toPage');
  await carry('toPage');
  expect(heard).toEqual(['failed: broken']);
  channel.open('third' as never);
  await carry('toWorker');
  services[1]!.asked[0]!.answer.post('third' as never);
  await carry('toPage');
  expect(heard).toEqual(['failed: broken', 'third']);
});
