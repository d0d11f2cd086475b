// Walks through a kernel as one invocation does, with indices and sizes as numbers and data unknown, and counts the loads
// that it waits for. Rules, which are those of compilers and of hardware that runs instructions in order:
// - a load begins when its address is there; loads of one turn of a loop are in flight together;
// - the next turn of a loop waits for the loads of the one before; loops that a compiler unrolls are no loops;
// - a barrier waits for all that is in flight, and what was stored to workgroup memory is there one such step later.
import { type Cell, Evaluator, type Scope, sharedStep } from './evaluate.js';
import { moduleOf } from './parser.js';
import type { Block, Loop, Module, Statement, Subroutine } from './syntax.js';
import { assignedIn, assigns, leaves, namesOf, rootOf } from './tree.js';
import {
  binary,
  integer,
  later,
  literal,
  none,
  plus,
  type Steps,
  unknown,
  type Value,
} from './values.js';

/** What an invocation does. */
export interface Walk {
  /** The longest chain of loads that wait for one another. */
  readonly serial: Steps;
  /** All loads. */
  readonly loads: Steps;
  /** The buffers that are read, and those that are written. */
  readonly loaded: ReadonlySet<string>;
  readonly stored: ReadonlySet<string>;
}

/** Turns of a loop that compilers unroll, at most; both ends must be constants. */
const UNROLLED = 16;
/** Turns that are walked one by one; of more, as many samples. */
const WALKED = 12;
const SAMPLES = 4;
/** Turns of a loop whose end depends on data: a binary search among as many as there may be. */
const SEARCH = 32;

type Jump = 'none' | 'break' | 'continue' | 'return';

/** One workgroup's first invocation. */
export interface Place {
  readonly group: readonly number[];
  readonly groups: readonly number[];
}

class Walker extends Evaluator {
  #returned = unknown(none);
  /** Branches so far that depend on data and may leave a loop. */
  #undecided = 0;

  walk({ group, groups }: Place): Walk {
    const { entry } = this.module;
    const size = this.size();
    const builtins: Record<string, Value['is']> = {
      workgroup_id: group,
      num_workgroups: groups,
      global_invocation_id: group.map((at, axis) => at * (size[axis] ?? 1)),
      local_invocation_id: [0, 0, 0],
      local_invocation_index: 0,
      subgroup_invocation_id: 0,
      subgroup_id: 0,
    };
    const given = entry.parameters.map(({ builtin: name = '' }) => builtins[name]);
    this.call(
      entry,
      given.map((is) => ({ ...integer(0), is })),
    );
    const { loads, loaded, stored } = this;
    return { serial: later(this.base, this.pending), loads, loaded, stored };
  }

  #declare(name: string, value: Value): void {
    this.scopes.at(-1)!.set(name, { value });
  }

  protected call({ parameters, body }: Subroutine, values: readonly Value[]): Value {
    const outer = this.scopes;
    const own: Scope = new Map();
    for (const [i, { name }] of parameters.entries())
      own.set(name, { value: values[i] ?? unknown(none) });
    this.scopes = [this.globals, own];
    this.#returned = unknown(none);
    this.#run(body);
    this.scopes = outer;
    return this.#returned;
  }

  #run(body: Block): Jump {
    this.scopes.push(new Map());
    let jump: Jump = 'none';
    for (const statement of body) {
      jump = this.#do(statement);
      if (jump !== 'none') break;
    }
    this.scopes.pop();
    return jump;
  }

  #do(statement: Statement): Jump {
    switch (statement.kind) {
      case 'declare': {
        const { name, value } = statement;
        this.#declare(name, value ? this.evaluate(value) : { ...integer(0), unsigned: false });
        return 'none';
      }
      case 'assign':
        this.#assign(statement);
        return 'none';
      case 'evaluate':
        this.evaluate(statement.value);
        return 'none';
      case 'block':
        return this.#run(statement.body);
      case 'if':
        return this.#if(statement);
      case 'loop':
        return this.#loop(statement);
      case 'return':
        if (statement.value) this.#returned = this.evaluate(statement.value);
        return 'return';
      case 'break':
      case 'continue':
        return statement.kind;
      default:
        return statement satisfies never;
    }
  }

  /** Where a condition depends on data, both ways are walked, and neither leaves a loop. */
  #if({ condition, then, otherwise }: Extract<Statement, { kind: 'if' }>): Jump {
    const { is, at } = this.evaluate(condition);
    if (is === true) return this.#run(then);
    if (is === false) return this.#run(otherwise);
    if (leaves(then) || leaves(otherwise)) this.#undecided++;
    this.#run(then);
    this.#run(otherwise);
    for (const name of [...assignedIn(then), ...assignedIn(otherwise)]) {
      const cell = this.lookUp(name);
      if (cell) cell.value = unknown(later(at, cell.value.at));
    }
    return 'none';
  }

  #assign({ target, operator, value }: Extract<Statement, { kind: 'assign' }>): void {
    const given = this.evaluate(value);
    const next = operator ? binary(operator, this.evaluate(target), given) : given;
    const space = this.spaceOf(target);
    const name = rootOf(target);
    if (space === 'storage' && name !== undefined) this.stored.add(name);
    if (space === 'workgroup') this.pending = later(this.pending, plus(next.at, sharedStep));
    if (space) return;
    const cell = name === undefined ? undefined : this.lookUp(name);
    if (!cell) return;
    if (target.kind === 'name') cell.value = next;
    else cell.value = unknown(later(cell.value.at, next.at)); // an element of an array or vector
  }

  #loop(loop: Loop): Jump {
    this.scopes.push(new Map());
    for (const statement of loop.start) this.#do(statement);
    const trips = this.#tripsOf(loop);
    let jump: Jump = 'none';
    if (trips && trips.states.length > WALKED && !trips.fixed) this.#sample(loop, trips);
    else jump = this.#turns(loop, trips?.fixed ?? false);
    this.scopes.pop();
    return jump === 'return' ? 'return' : 'none';
  }

  /** Turns one by one. */
  #turns({ condition, update, body }: Loop, isUnrolled: boolean): Jump {
    const most = this.#undecided + SEARCH;
    for (;;) {
      const decided = condition ? this.evaluate(condition).is : true;
      if (decided === undefined) this.#undecided++;
      if (decided === false || this.#undecided > most) break;
      const jump = this.#run(body);
      if (!isUnrolled) this.barrier();
      if (jump === 'return') return jump;
      if (jump === 'break') break;
      for (const statement of update) this.#do(statement);
    }
    return 'none';
  }

  /** Some turns, which stand for all. */
  #sample({ body }: Loop, { cell, states }: Trips): void {
    const [base, loads] = [later(this.base, this.pending), this.loads];
    this.base = base;
    for (let i = 0; i < SAMPLES; i++) {
      cell.value = states[Math.floor((i * (states.length - 1)) / (SAMPLES - 1))]!;
      this.#run(body);
      this.barrier();
    }
    const factor = states.length / SAMPLES;
    this.base = plus(base, plus(this.base, base, -1), factor);
    this.loads = plus(loads, plus(this.loads, loads, -1), factor);
    this.pending = this.base;
  }

  /** The values that a loop's counter takes, where nothing else decides when it ends. */
  #tripsOf({ start, condition, update, body }: Loop): Trips | undefined {
    const [first] = update;
    const name = first?.kind === 'assign' ? rootOf(first.target) : undefined;
    const cell = name === undefined ? undefined : this.lookUp(name);
    if (!cell || !condition || update.length !== 1 || leaves(body) || assigns(body, name))
      return undefined;
    if (namesOf(condition).some((each) => each !== name && assigns(body, each))) return undefined;
    const { value: before } = cell;
    const { loads } = this;
    const states: Value[] = [];
    let fixed = start.length > 0 && before.fixed;
    for (;;) {
      const decision = this.evaluate(condition);
      fixed &&= decision.fixed;
      if (decision.is !== true) break;
      states.push(cell.value);
      for (const statement of update) this.#do(statement);
    }
    const isKnown = this.evaluate(condition).is === false;
    cell.value = before;
    this.loads = loads;
    return isKnown ? { cell, states, fixed: fixed && states.length <= UNROLLED } : undefined;
  }
}

interface Trips {
  readonly cell: Cell;
  readonly states: readonly Value[];
  /** Whether a compiler unrolls the loop. */
  readonly fixed: boolean;
}

/** Workgroups that do alike, by the first of them. */
export interface Part extends Walk {
  readonly workgroups: number;
}

/** A kernel's parts: those of kernels that share a dispatch, by their workgroups' numbers, are walked each, in the first and the last workgroup. */
export function walkKernel(wgsl: string, groups: readonly [number, number, number]) {
  const module = moduleOf(wgsl);
  const total = groups[0] * groups[1] * groups[2];
  const starts = [0, ...boundaries(module)].filter((start) => start < groups[0]);
  const parts = starts.map((start, i): Part => {
    const next = starts[i + 1];
    const last = next === undefined ? groups.map((each) => each - 1) : [next - 1, 0, 0];
    const [first, end] = [[start, 0, 0], last].map((group) =>
      new Walker(module).walk({ group, groups }),
    );
    return { ...longer(first!, end!), workgroups: (next ?? total) - start };
  });
  const [x = 1, y = 1, z = 1] = new Walker(module).size();
  const buffers = Array.from(module.variables).flatMap(([name, space]) =>
    space === 'storage' ? [name] : [],
  );
  return { parts, invocations: x * y * z, buffers };
}

/** The walk that waits longer. */
const longer = (a: Walk, b: Walk): Walk => (later(a.serial, b.serial) === a.serial ? a : b);

/** The numbers of workgroups to which an entry point compares its own: `if (group.x < 12u)`. */
function boundaries({ entry }: Module): number[] {
  const group = entry.parameters.find((each) => each.builtin === 'workgroup_id')?.name;
  const found = entry.body.flatMap((each) => {
    if (each.kind !== 'if' || each.condition.kind !== 'binary') return [];
    const { left, operator, right } = each.condition;
    const isOwn = left.kind === 'member' && left.name === 'x' && rootOf(left) === group;
    return isOwn && operator === '<' && right.kind === 'number' ? [literal(right.text).is] : [];
  });
  return found.filter((each) => typeof each === 'number').sort((a, b) => a - b);
}
