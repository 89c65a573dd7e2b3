import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { createLog } from '../../../../lib/log.ts';
import { ModelMemory, type Tenant } from '../../../../runtime/serving/model-memory.ts';
import { seededRandom } from '../../../support/random.ts';

const spareBytes = 10;

interface TestTenant extends Tenant {
  bytes: number;
  busy: boolean;
  evictions: number;
}

function world(budgetBytes: number): {
  memory: ModelMemory;
  evicted: string[];
  clock: { ms: number };
  spare: { bytes: number };
  tenant: (name: string, bytes?: number) => TestTenant;
  load: (tenant: TestTenant, expected?: number) => Promise<void>;
} {
  const evicted: string[] = [];
  const clock = { ms: 0 };
  const spare = { bytes: spareBytes };
  const memory = new ModelMemory({
    budgetBytes,
    spareBytes: () => spare.bytes,
    now: () => clock.ms,
    log: createLog('test', 'silent'),
    observe: { used: () => undefined, settled: () => undefined, evicted: (name) => evicted.push(name) },
  });
  const tenant = (name: string, bytes = 30): TestTenant => {
    const self: TestTenant = {
      name,
      bytes,
      busy: false,
      evictions: 0,
      measure: () => Promise.resolve(self.bytes),
      isBusy: () => self.busy,
      evict: async () => {
        self.evictions += 1;
        await Promise.resolve();
        memory.release(self);
      },
    };
    return self;
  };
  const load = async (loaded: TestTenant, expected = loaded.bytes): Promise<void> => {
    await memory.admit(loaded, expected);
    await memory.settle(loaded);
  };
  return { memory, evicted, clock, spare, tenant, load };
}

describe('the memory that models share', () => {
  test('holds as many as fit, and then the least recently used leaves', async () => {
    const { memory, evicted, tenant, load } = world(100);
    const [a, b, c, d] = [tenant('a'), tenant('b'), tenant('c'), tenant('d')];
    for (const each of [a, b, c]) await load(each);
    expect(memory.usedBytes).toBe(100);
    memory.touch(a);
    await load(d);
    expect(evicted).toEqual(['b']);
    expect(memory.usedBytes).toBe(100);
  });

  test('a model that is in use stays where an idle one can leave instead', async () => {
    const { evicted, tenant, load } = world(100);
    const [a, b, c, d] = [tenant('a'), tenant('b'), tenant('c'), tenant('d')];
    for (const each of [a, b, c]) await load(each);
    a.busy = true;
    await load(d);
    expect(evicted).toEqual(['b']);
  });

  test('where all are in use, one leaves after a while all the same, so that nobody waits for ever', async () => {
    const { evicted, tenant, load } = world(70);
    const [a, b, c] = [tenant('a'), tenant('b'), tenant('c')];
    for (const each of [a, b]) await load(each);
    a.busy = true;
    b.busy = true;
    const loading = load(c);
    await sleep(100);
    expect(evicted).toEqual([]);
    await loading;
    expect(evicted).toEqual(['a']);
  });

  test('a large model is not overtaken for ever by small ones that would still fit', async () => {
    const { memory, tenant, load } = world(100);
    const [small, large, late] = [tenant('small', 20), tenant('large', 80), tenant('late', 20)];
    await load(small);
    small.busy = true;
    const order: string[] = [];
    const first = memory.admit(large, 80).then(() => order.push('large'));
    const second = memory.admit(late, 20).then(() => order.push('late'));
    await first;
    await memory.settle(large);
    memory.release(large);
    await second;
    expect(order).toEqual(['large', 'late']);
  });

  test('a model that grows beyond the budget makes others leave, within a second of its use', async () => {
    const { memory, evicted, clock, tenant, load } = world(100);
    const [a, b, c] = [tenant('a'), tenant('b'), tenant('c')];
    for (const each of [a, b, c]) await load(each);
    c.bytes = 45;
    clock.ms = 999;
    memory.ran(c);
    await sleep(0);
    expect(evicted).toEqual([]);
    clock.ms = 1_000;
    memory.ran(c);
    await sleep(0);
    expect(evicted).toEqual(['a']);
    expect(memory.usedBytes).toBe(85);
  });

  test('a model that is larger than all of it is refused, and nobody leaves for it', async () => {
    const { evicted, tenant, load } = world(100);
    await load(tenant('a'));
    await expect(load(tenant('huge', 91))).rejects.toMatchObject({ fault: { reason: 'OutOfMemory' } });
    expect(evicted).toEqual([]);
  });

  test('a model that no longer fits the empty memory is refused, and keeps nobody out', async () => {
    const { memory, spare, tenant, load } = world(100);
    const [a, b] = [tenant('a', 80), tenant('b', 80)];
    await load(a);
    a.busy = true;
    const waiting = load(b);
    spare.bytes = 30;
    memory.release(a);
    await expect(waiting).rejects.toMatchObject({ fault: { reason: 'OutOfMemory' } });
    await load(tenant('c', 70));
    expect(memory.usedBytes).toBe(100);
  });

  test('a model that is given up while it waits keeps nobody out', async () => {
    const { memory, tenant, load } = world(70);
    const [a, b, c, d] = [tenant('a'), tenant('b'), tenant('c'), tenant('d')];
    for (const each of [a, b]) await load(each);
    a.busy = true;
    b.busy = true;
    const given = memory.admit(c, 30);
    memory.release(c);
    await given;
    memory.release(a);
    await load(d);
    expect(memory.usedBytes).toBe(70);
  });

  test('whatever comes and goes, what is held stays within the budget and everybody is let in', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const random = seededRandom(seed);
      const { memory, evicted, tenant } = world(200);
      const resident = new Set<TestTenant>();
      const tenants = Array.from({ length: 12 }, (_, index) => {
        const self = tenant(`m${index}`, 10 + random.integer(60));
        self.evict = async () => {
          // As a process does: what runs in it runs to its end.
          while (self.busy) await sleep(1);
          resident.delete(self);
          memory.release(self);
        };
        return self;
      });
      const uses = tenants.map(async (self) => {
        for (let use = 0; use < 4; use++) {
          await sleep(random.integer(4));
          self.busy = true;
          if (resident.has(self)) {
            memory.touch(self);
          } else {
            await memory.admit(self, self.bytes);
            resident.add(self);
            await memory.settle(self);
          }
          expect(memory.usedBytes).toBeLessThanOrEqual(200);
          await sleep(random.integer(4));
          self.busy = false;
        }
      });
      await Promise.all(uses);
      const held = [...resident].reduce((sum, { bytes }) => sum + bytes, 0);
      expect(memory.usedBytes).toBe(spareBytes + held);
      expect(evicted.length).toBeGreaterThan(0);
    }
  });
});
