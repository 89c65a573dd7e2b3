import { expect } from '@jest/globals';
import type { Platform } from '../platform.ts';
import type { Scenario } from '../steps.ts';
import { podsOfTwo, podUids, startedJob, untilJob, untilJobSays } from '../training-steps.ts';

const onlyDiffersIn = (before: Record<string, string>, after: Record<string, string>): string[] =>
  Object.keys(before).filter((name) => before[name] !== after[name]);

async function isReplacedAlone(
  platform: Platform,
  name: string,
  lose: (namespace: string) => Promise<unknown>,
): Promise<string> {
  const namespace = await startedJob(platform);
  const before = await podUids(platform, namespace);
  await lose(namespace);
  const role = name.includes('worker') ? 'workers' : 'parameterServers';
  await untilJob(platform, namespace, { phase: 'Running', [role]: { ready: 2, restarts: 0, evictions: 1 } });
  const after = await podUids(platform, namespace);
  expect(Object.keys(after)).toEqual(podsOfTwo);
  expect(onlyDiffersIn(before, after)).toEqual([name]);
  return namespace;
}

const podIn = (namespace: string, name: string) => ({ apiVersion: 'v1', kind: 'Pod', name, namespace });

/** Why a pod was made anew, as the pod itself carries it. */
async function predecessorsOf(platform: Platform, namespace: string, name: string): Promise<string> {
  const { metadata } = await platform.user.get(podIn(namespace, name));
  return metadata.annotations?.['modelyard.dev/predecessors'] ?? '';
}

export const trainingLosses: Scenario[] = [
  {
    name: 'a worker that is deleted is replaced alone, and counted',
    run: async (platform) => {
      const name = 'digits-worker-1';
      await isReplacedAlone(platform, name, (namespace) => platform.user.remove(podIn(namespace, name)));
    },
  },
  {
    name: 'a server that is evicted is replaced alone, counted apart from failures, and its successor tells why',
    run: async (platform) => {
      const fate = { state: 'Evicted', message: 'The node was low on resource: memory.' } as const;
      const namespace = await isReplacedAlone(platform, 'digits-ps-1', (team) =>
        platform.node.pod(team, 'digits-ps-1', fate),
      );
      expect(await predecessorsOf(platform, namespace, 'digits-ps-1')).toContain('low on resource: memory');
    },
  },
  {
    name: 'a server that is lost with its node, which never lets go of it, is replaced alone, and its successor tells why',
    run: async (platform) => {
      const namespace = await isReplacedAlone(platform, 'digits-ps-1', async (team) => {
        await platform.node.pod(team, 'digits-ps-1', { state: 'Lost' });
        await platform.user.remove(podIn(team, 'digits-ps-1'), { gracePeriodSeconds: 1 });
        await untilJob(platform, team, { phase: 'Restarting' });
        await untilJobSays(platform, team, { type: 'Running', status: 'False', reason: 'NodeLost' });
      });
      expect(await predecessorsOf(platform, namespace, 'digits-ps-1')).toContain('NodeLost');
    },
  },
  {
    name: 'a server that cannot stay up leaves the job Restarting with the cause, and its step, until it can',
    run: async (platform) => {
      const namespace = await startedJob(platform);
      const before = await podUids(platform, namespace);
      await platform.node.pod(namespace, 'digits-ps-1', { state: 'OOMKilled' });
      await untilJob(platform, namespace, {
        phase: 'Restarting',
        step: 10,
        parameterServers: { ready: 1, restarts: 2 },
      });
      const running = { type: 'Running', status: 'False', reason: 'OutOfMemory' };
      expect(await untilJobSays(platform, namespace, running)).toContain('spec.parameterServers.resources');
      await platform.node.pod(namespace, 'digits-ps-1', { state: 'Crashed', restarts: 2, exitCode: 137 });
      await untilJob(platform, namespace, {
        phase: 'Running',
        parameterServers: { ready: 2, restarts: 2, evictions: 0 },
      });
      expect(await podUids(platform, namespace)).toEqual(before);
    },
  },
  {
    name: 'a container that failed is counted, stays counted when its pod is lost, and touches no other pod',
    run: async (platform) => {
      const namespace = await startedJob(platform);
      const before = await podUids(platform, namespace);
      const crash = { state: 'Crashed', restarts: 2, exitCode: 139, message: 'segmentation fault' } as const;
      await platform.node.pod(namespace, 'digits-worker-0', crash);
      await untilJob(platform, namespace, { phase: 'Running', workers: { ready: 2, restarts: 2, evictions: 0 } });
      expect(await podUids(platform, namespace)).toEqual(before);
      await platform.node.pod(namespace, 'digits-worker-0', { state: 'Evicted', message: 'disk pressure' });
      await untilJob(platform, namespace, { phase: 'Running', workers: { ready: 2, restarts: 2, evictions: 1 } });
    },
  },
];
