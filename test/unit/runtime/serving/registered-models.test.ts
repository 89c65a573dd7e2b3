import { beforeEach, describe, expect, test } from '@jest/globals';
import type { ListedModel } from '../../../../runtime/contract.ts';
import type { ModelRepository } from '../../../../runtime/serving/model-repository.ts';
import { RegisteredModels } from '../../../../runtime/serving/registered-models.ts';
import type { ServedModel } from '../../../../runtime/serving/served-model.ts';

const listed: ListedModel = { name: 'a', uri: 's3://models/a', task: 'Tensor' };

/** Models in name alone. */
class World {
  readonly forgotten: string[] = [];
  readonly served: string[] = [];
  /** Before a model is stopped. */
  wait: Promise<void> = Promise.resolve();
  canLoad = true;
  /** Until nothing of a model is asked any more. */
  unused: Promise<void> = Promise.resolve();
  stopped = 0;

  readonly registered = new RegisteredModels({
    repository: {
      has: () => false,
      add: ({ name }: ServedModel) => this.served.push(name),
      remove: (name: string) => this.served.splice(this.served.indexOf(name), 1),
    } as unknown as ModelRepository,
    create: ({ name }) =>
      ({
        name,
        report: {},
        load: () => (this.canLoad ? Promise.resolve() : Promise.reject(new Error('cannot load'))),
        unused: () => this.unused,
        stop: () => {
          this.stopped += 1;
          return this.wait;
        },
      }) as unknown as ServedModel,
    specUris: () => [],
    forget: (name) => {
      this.forgotten.push(name);
      return Promise.resolve();
    },
  });
}

let world: World;
beforeEach(() => {
  world = new World();
});

test('a model that is removed stays until work of several requests, such as an explanation, is over', async () => {
  await world.registered.add(listed, {});
  const { promise, resolve } = Promise.withResolvers<undefined>();
  world.unused = promise as Promise<unknown> as Promise<void>;
  const removed = world.registered.remove('a');
  expect([world.served, world.stopped]).toEqual([[], 0]);
  resolve(undefined);
  await removed;
  expect(world.stopped).toBe(1);
});

describe('the figures of a registered model', () => {
  test('go with it', async () => {
    await world.registered.add(listed, {});
    expect([world.served, world.forgotten]).toEqual([['a'], []]);
    await world.registered.remove('a');
    expect([world.served, world.forgotten]).toEqual([[], ['a']]);
  });

  test('go where it cannot be loaded', async () => {
    world.canLoad = false;
    await expect(world.registered.add(listed, {})).rejects.toThrow('cannot load');
    expect([world.served, world.forgotten]).toEqual([[], ['a']]);
  });

  test('stay where another one took its name while it stopped', async () => {
    await world.registered.add(listed, {});
    const { promise, resolve } = Promise.withResolvers<undefined>();
    world.wait = promise as Promise<unknown> as Promise<void>;
    const removed = world.registered.remove('a');
    await world.registered.add(listed, {});
    resolve(undefined);
    await removed;
    expect([world.served, world.forgotten]).toEqual([['a'], []]);
  });
});
