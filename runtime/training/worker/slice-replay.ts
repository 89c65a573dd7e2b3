import { trainableIn, type Slice } from '../layout.ts';
import { bytesOf, TransportError, type Reception } from '../transport/connection.ts';
import type { SharedVector, UpdateTask } from './engine-messages.ts';
import type { Engine } from './engine.ts';
import type { OwnGradient } from './own-gradient.ts';
import type { Update } from './server-link.ts';
import type { Computation, VersionBuffer } from './version-buffer.ts';

export interface SliceReplayOptions {
  /** That is made. */
  version: number;
  slice: Slice;
  /** Elements of the flat vector, from the first, that follow their gradients. */
  trainable: number;
  /** The version before, whole. */
  base: { buffer: VersionBuffer; state: UpdateTask['from'] };
  /** Where it goes; undefined: it is of no use. */
  target: () => Computation | undefined;
  engine: Pick<Engine, 'allocate' | 'update'>;
  own: OwnGradient;
  /** Memory for gradients of this server. */
  spares: SharedVector[];
  failed: (error: unknown) => void;
}

/** Makes a version of a server's slice of the version before, with the bits that the server makes. Keeps the memory of that one until `end`. */
export class SliceReplay {
  readonly #options: SliceReplayOptions;
  #release: (() => void) | undefined;
  #isComputing = false;
  #isOver = false;

  constructor(options: SliceReplayOptions) {
    this.#options = options;
    this.#release = options.base.buffer.use().release;
  }

  /** Whether the version before is kept. */
  get isPossible(): boolean {
    return !this.#isOver;
  }

  /** What it is made of is needed no more, but by what is being computed. */
  end(): void {
    this.#isOver = true;
    if (this.#isComputing) return;
    this.#release?.();
    this.#release = undefined;
  }

  /** The server says how. @param made called when it is there, or will not be */
  follow({ own, ...factors }: Update, made: () => void): Reception | undefined {
    if (this.#isOver) return undefined;
    const { version, slice, spares, engine } = this.#options;
    const mine = own ? this.#options.own.use(version - 1) : undefined;
    if (own && !mine) throw new TransportError('Protocol', `the gradient of step ${version - 1} is none from here`);
    const target = this.#options.target();
    if (!target) {
      mine?.release();
      return undefined;
    }
    if (mine) {
      const gradient = { vector: mine.vector, from: slice.from };
      void this.#compute(target, gradient, factors).then(mine.release).then(made);
      return undefined;
    }
    const vector = spares.pop() ?? engine.allocate(slice.to - slice.from);
    return {
      into: bytesOf(vector.values),
      done: () => {
        // The memory of the version before may hold another one by now.
        if (this.#isOver) {
          target.lost();
          spares.push(vector);
          made();
          return;
        }
        const gradient = { vector, from: 0 };
        void this.#compute(target, gradient, factors)
          .then(() => spares.push(vector))
          .then(made);
      },
      lost: () => {
        target.lost();
        spares.push(vector);
      },
    };
  }

  async #compute(target: Computation, gradient: UpdateTask['gradient'], factors: Omit<Update, 'own'>): Promise<void> {
    const { version, slice, trainable, base, engine, failed } = this.#options;
    const length = slice.to - slice.from;
    this.#isComputing = true;
    try {
      const at = { ...factors, step: version };
      await engine.update({
        from: base.state,
        gradient,
        to: target.into,
        length,
        trainable: trainableIn(slice, trainable),
        at,
      });
      this.#isComputing = false;
      this.end();
      target.done();
    } catch (error) {
      this.#isComputing = false;
      if (this.#isOver) this.end();
      target.lost();
      failed(error);
    }
  }
}
