import type { FastifyRequest } from 'fastify';
import { badRequest } from './errors.ts';

/** The parameters of a call, from its query. */
export class Parameters {
  readonly #given: Readonly<Record<string, unknown>>;

  /** Throws TorchServeError where one is not known or is there twice. */
  constructor({ query }: Pick<FastifyRequest, 'query'>, known: readonly string[]) {
    this.#given = query as Record<string, unknown>;
    for (const [name, value] of Object.entries(this.#given)) {
      if (!known.includes(name))
        throw badRequest(
          `${name.slice(0, 100)}: is no parameter of this call${known.length === 0 ? '' : `; known are ${known.join(', ')}`}`,
        );
      if (typeof value !== 'string') throw badRequest(`${name}: must be given once`);
    }
  }

  text(name: string): string | undefined {
    const value = this.#given[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** Throws TorchServeError where it is no such number. */
  whole(name: string, min: number, max: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
    if (!(number >= min && number <= max)) throw badRequest(`${name}: must be a whole number from ${min} to ${max}`);
    return number;
  }

  /** Throws TorchServeError where it is neither. */
  flag(name: string): boolean | undefined {
    const value = this.text(name);
    if (value === undefined || value === 'true' || value === 'false') return value && value === 'true';
    throw badRequest(`${name}: must be true or false`);
  }
}
