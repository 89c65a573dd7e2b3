/** What the operator renders, judged by the API server, its admission plugins and the scheduler. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { KubeObject } from '../../operator/kube/object.ts';
import { kwokPlatform, type KwokPlatform } from '../behaviour/kwok-platform.ts';
import { modelDeployment, untilCondition, untilReady } from '../behaviour/steps.ts';

const startMs = 40 * 60_000;
const plans = new URL('../golden/cases/', import.meta.url);

interface Rendered {
  apply: (KubeObject & { spec?: { template?: { metadata: object; spec: object } } })[];
}

let platform: KwokPlatform;
let stopOperator: () => Promise<void>;

beforeAll(async () => {
  platform = await kwokPlatform();
  stopOperator = await platform.startOperator();
}, startMs);

afterAll(async () => {
  await stopOperator();
  await platform.stop();
});

describe('every pod that is rendered', () => {
  test.each(readdirSync(plans).filter((name) => name.endsWith('.plan.yaml')))(
    'is taken by a namespace that enforces restricted: %s',
    async (name) => {
      const { apply } = parse(readFileSync(new URL(name, plans), 'utf8')) as Rendered;
      const namespace = await platform.namespace();
      for (const { spec } of apply) {
        if (spec?.template === undefined) continue;
        const pod = {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { ...spec.template.metadata, name: 'rendered', namespace },
          spec: {
            ...spec.template.spec,
            serviceAccountName: 'default',
            priorityClassName: undefined,
            runtimeClassName: undefined,
          },
        };
        await platform.cluster.kubectl(['create', '--dry-run=server', '--filename', '-'], JSON.stringify(pod));
      }
    },
  );
});

test('an accelerator is scheduled where a node has it, and named in the condition where none does', async () => {
  const namespace = await platform.namespace();
  const asking = (name: string, count: number) =>
    modelDeployment(namespace, name, { accelerator: { resource: 'nvidia.com/gpu', count } });
  await platform.user.apply(asking('present', 1));
  await platform.user.apply(asking('absent', 16));
  await untilReady(platform, namespace, 'present');
  const wanted = { type: 'Ready', status: 'False', reason: 'AcceleratorUnavailable' };
  const { message } = await untilCondition(platform, namespace, wanted, 'absent');
  expect(message).toContain('nvidia.com/gpu');
}, 180_000);
