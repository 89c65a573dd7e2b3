import type { KubeClient } from '../../operator/kube/client.ts';
import { refOf } from '../../operator/kube/object.ts';
import type { Write } from '../behaviour/platform.ts';

/** Passes everything on and remembers what was written. */
export class RecordingClient {
  readonly client: KubeClient;
  /** In the order in which they were asked for. */
  readonly writes: Write[] = [];
  #taken = 0;

  constructor(inner: KubeClient) {
    const note = (verb: Write['verb'], ref: Write['ref']): void => void this.writes.push({ verb, ref });
    this.client = {
      get: (ref, options) => inner.get(ref, options),
      list: (kind, options) => inner.list(kind, options),
      watch: (kind, options) => inner.watch(kind, options),
      apply: (object, options) => {
        note('apply', refOf(object));
        return inner.apply(object, options);
      },
      create: (object, options) => {
        note('create', refOf(object));
        return inner.create(object, options);
      },
      replace: (object, options) => {
        note('replace', refOf(object));
        return inner.replace(object, options);
      },
      applyStatus: (object, options) => {
        note('applyStatus', refOf(object));
        return inner.applyStatus(object, options);
      },
      remove: (ref, options) => {
        note('remove', ref);
        return inner.remove(ref, options);
      },
    };
  }

  /** Those since the last call. */
  take(): Write[] {
    const writes = this.writes.slice(this.#taken);
    this.#taken += writes.length;
    return writes;
  }
}
