import { ConfigurationError } from './errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads variables. Every method but `optional` and `present` throws ConfigurationError that names the variable and the cure. */
export class EnvironmentReader {
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Empty counts as absent, as Kubernetes has it for variables without a value. */
  optional(name: string): string | undefined {
    const value = this.#environment[name];
    return value === '' ? undefined : value;
  }

  /** Those of the variables `prefix` + name that are set, by name. */
  present(names: readonly string[], prefix = ''): Record<string, string> {
    return Object.fromEntries(
      names.flatMap((name) => {
        // A Secret made by `echo` ends in a line end, which no header may hold.
        const value = this.optional(prefix + name)?.trim();
        return value === undefined || value === '' ? [] : [[name, value]];
      }),
    );
  }

  optionalMatching(name: string, pattern: RegExp, what: string): string | undefined {
    const value = this.optional(name);
    if (value !== undefined && !pattern.test(value))
      throw new ConfigurationError(`${name} is ${shown(value)}; set it to ${what}`);
    return value;
  }

  matching(name: string, pattern: RegExp, what: string): string {
    const value = this.optionalMatching(name, pattern, what);
    if (value === undefined) throw new ConfigurationError(`${name} is not set; set it to ${what}`);
    return value;
  }

  /** Without a fallback the variable must be set. */
  whole(name: string, low: number, high: number, fallback?: number): number {
    const value = this.optional(name) ?? fallback?.toString();
    const number = value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : NaN;
    if (!(number >= low && number <= high)) {
      throw new ConfigurationError(`${name} is ${shown(value)}; set it to a whole number from ${low} to ${high}`);
    }
    return number;
  }

  boolean(name: string, fallback: boolean): boolean {
    return this.oneOf(name, ['true', 'false'] as const, fallback ? 'true' : 'false') === 'true';
  }

  /** Without a fallback the variable must be set. */
  oneOf<T extends string>(name: string, allowed: readonly T[], fallback?: T): T {
    const value = this.optional(name) ?? fallback;
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined)
      throw new ConfigurationError(`${name} is ${shown(value)}; set it to one of ${allowed.join(', ')}`);
    return found;
  }
}

const shown = (value: string | undefined): string =>
  value === undefined ? 'not set' : JSON.stringify(value.slice(0, 200));
