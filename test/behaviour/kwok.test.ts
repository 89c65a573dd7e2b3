import { afterAll, describe, test } from '@jest/globals';
import { kwokPlatform, type KwokPlatform } from './kwok-platform.ts';
import { conditions } from './scenarios/conditions.ts';
import { drift } from './scenarios/drift.ts';
import { lifecycle } from './scenarios/lifecycle.ts';

// The first run on a machine builds Kubernetes.
const buildMs = 40 * 60_000;

/** Scenarios mostly wait for the pace of status writes: so many run at the same time, each on a cluster of its own. */
const lanes = 3;
const free: Promise<KwokPlatform>[] = Array.from({ length: lanes }, () => started());
const waiting: ((platform: KwokPlatform) => void)[] = [];

async function started(): Promise<KwokPlatform> {
  const platform = await kwokPlatform();
  process.stderr.write(`The behaviour suite runs on ${platform.name}\n`);
  return platform;
}

async function onFreePlatform(run: (platform: KwokPlatform) => Promise<void>): Promise<void> {
  const platform = await (free.pop() ?? new Promise<KwokPlatform>((resolve) => waiting.push(resolve)));
  try {
    await run(platform);
  } finally {
    const next = waiting.shift();
    if (next === undefined) free.push(Promise.resolve(platform));
    else next(platform);
  }
}

describe('on a real kube-apiserver, KWOK playing the node', () => {
  afterAll(async () => {
    await Promise.all(free.map(async (platform) => (await platform).stop()));
  });

  test.concurrent.each([...lifecycle, ...drift, ...conditions])(
    '$name',
    async (scenario) => onFreePlatform((platform) => scenario.run(platform)),
    buildMs,
  );
});
