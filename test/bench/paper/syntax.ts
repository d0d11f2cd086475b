// The syntax of WGSL as far as kernels use it, as a tree of plain data.

export type Expression =
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'index'; readonly base: Expression; readonly at: Expression }
  | { readonly kind: 'member'; readonly base: Expression; readonly name: string }
  | { readonly kind: 'call'; readonly name: string; readonly operands: readonly Expression[] }
  | { readonly kind: 'unary'; readonly operator: string; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
    };

export type Block = readonly Statement[];
export type Statement =
  | { readonly kind: 'declare'; readonly name: string; readonly value: Expression | undefined }
  | {
      readonly kind: 'assign';
      readonly target: Expression;
      /** The binary operator of a compound assignment. */
      readonly operator: string | undefined;
      readonly value: Expression;
    }
  | { readonly kind: 'evaluate'; readonly value: Expression }
  | { readonly kind: 'block'; readonly body: Block }
  | {
      readonly kind: 'if';
      readonly condition: Expression;
      readonly then: Block;
      readonly otherwise: Block;
    }
  | Loop
  | { readonly kind: 'break' | 'continue' }
  | { readonly kind: 'return'; readonly value: Expression | undefined };

/** `for`, `while` and `loop`. */
export interface Loop {
  readonly kind: 'loop';
  readonly start: Block;
  readonly condition: Expression | undefined;
  readonly update: Block;
  readonly body: Block;
}

export interface Parameter {
  readonly name: string;
  readonly builtin: string | undefined;
}
export interface Subroutine {
  readonly parameters: readonly Parameter[];
  readonly body: Block;
}
export type Space = 'storage' | 'workgroup' | 'private';

/** A module with one entry point. */
export interface Module {
  readonly constants: ReadonlyMap<string, Expression>;
  readonly variables: ReadonlyMap<string, Space>;
  readonly functions: ReadonlyMap<string, Subroutine>;
  readonly entry: Subroutine;
  /** Invocations of a workgroup, along each axis. */
  readonly size: readonly Expression[];
}
