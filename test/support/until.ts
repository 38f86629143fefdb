/** Waiting without sleeping: for a promise or for a condition, always with a deadline and a name for the failure. */

const DEADLINE_MILLIS = 10_000;

/** `promise`, or an error that names what did not happen in time. */
export async function within<Value>(
  what: string,
  promise: Promise<Value>,
  millis: number = DEADLINE_MILLIS,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${millis} ms`)), millis);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Conditions over something that changes by events: looked at again at each `changed`, never by polling. */
export class Watched {
  readonly #looks = new Set<() => void>();

  changed(): void {
    for (const look of [...this.#looks]) look();
  }

  /** The first value of `find` that is not undefined or false. */
  async until<Value>(
    what: string,
    find: () => Value | undefined | false,
    millis: number = DEADLINE_MILLIS,
  ): Promise<Value> {
    const found = Promise.withResolvers<Value>();
    const look = (): void => {
      const value = find();
      if (value !== undefined && value !== false) found.resolve(value);
    };
    this.#looks.add(look);
    look();
    try {
      return await within(what, found.promise, millis);
    } finally {
      this.#looks.delete(look);
    }
  }
}

/** Whoever ends things in the end: a test's context, or a {@link Scope}. */
export interface Owner {
  after(end: () => void | Promise<void>): void;
}

/** An owner outside of tests: ends what it owns in reverse order. */
export class Scope implements Owner {
  readonly #ends: (() => void | Promise<void>)[] = [];

  after(end: () => void | Promise<void>): void {
    this.#ends.push(end);
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }
}
