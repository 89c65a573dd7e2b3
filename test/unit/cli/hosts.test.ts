import { expect, test } from '@jest/globals';
import { podHosts } from '../../../cli/local/hosts.ts';
import type { KubeObject } from '../../../operator/kube/object.ts';

const pod = (name: string, spec: object, status: object | undefined): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'team' },
  spec: { containers: [], ...spec },
  ...(status === undefined ? {} : { status }),
});
const named = { hostname: 'a-0', subdomain: 'a' };

test('pods with hostname, subdomain and address have the name of the DNS of a cluster, ready or not', () => {
  expect(podHosts([pod('a-0', named, { phase: 'Pending', podIP: '127.1.1.2' })])).toEqual({
    'a-0.a.team.svc': '127.1.1.2',
  });
});

test.each([
  ['without an address', named, { phase: 'Pending' }],
  ['without a status', named, undefined],
  ['without a hostname', { subdomain: 'a' }, { phase: 'Running', podIP: '127.1.1.2' }],
  ['without a subdomain', { hostname: 'a-0' }, { phase: 'Running', podIP: '127.1.1.2' }],
  ['that succeeded', named, { phase: 'Succeeded', podIP: '127.1.1.2' }],
  ['that failed', named, { phase: 'Failed', podIP: '127.1.1.2' }],
])('a pod %s has no name', (_name, spec, status) => {
  expect(podHosts([pod('a-0', spec, status)])).toEqual({});
});
