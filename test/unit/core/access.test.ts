/** What `spec.access` makes of a deployment: references for the kubelet, and never a thing that the operator would have to read. */
import { describe, expect, test } from '@jest/globals';
import { parseServingReport } from '../../../operator/controllers/report-schema.ts';
import { mountsOf } from '../../../operator/core/serving/mounts.ts';
import { render } from '../../../operator/core/serving/render.ts';
import { servingEnv, type AccessFault } from '../../../runtime/contract.ts';
import { admitted, observe, type World } from '../../support/serving-world.ts';

const model = { uri: 's3://models/digits/' };
const planOf = (access: object | undefined, world: Partial<World> = {}) => {
  const { observed, inputs } = observe({ ...world, object: { spec: { model, ...(access && { access }) } } });
  return render(observed, inputs);
};

interface Container {
  ports: { name: string; containerPort: number }[];
  env: { name: string; value?: string }[];
}
const containerOf = (access: object | undefined): Container => {
  const deployment = planOf(access).apply.find(({ kind }) => kind === 'Deployment');
  const spec = deployment?.spec as { template: { spec: { containers: Container[] } } } | undefined;
  const [container] = spec?.template.spec.containers ?? [];
  if (!container) throw new Error('no container');
  return container;
};
const servicePorts = (access: object | undefined) => {
  const service = planOf(access).apply.find(({ kind }) => kind === 'Service');
  return (service?.spec as { ports: { name: string; port: number; targetPort: string }[] }).ports;
};
const tls = { secretRef: { name: 'digits-tls' } };
const apiKeys = { secretRef: { name: 'digits-keys' } };
const oidc = { issuer: 'https://login.example.com', audiences: ['modelyard'] };

describe('TLS', () => {
  test('moves REST to 443 and the address to https', () => {
    expect(servicePorts({ tls }).map(({ name, port }) => [name, port])).toEqual([
      ['https', 443],
      ['grpc', 9000],
    ]);
    expect(planOf({ tls }).status.url).toBe('https://digits.team-a.svc');
    expect(planOf({ apiKeys }).status.url).toBe('http://digits.team-a.svc');
  });

  test('leads the Service to no pod that still speaks in the clear, or the other way round', () => {
    for (const [one, other] of [
      [{ tls }, undefined],
      [undefined, { tls }],
    ]) {
      const own = servicePorts(one).map(({ targetPort }) => targetPort);
      expect(containerOf(one).ports.map(({ name }) => name)).toEqual(expect.arrayContaining(own));
      for (const { name } of containerOf(other).ports) expect(own).not.toContain(name);
    }
    expect(containerOf({ tls }).ports).toContainEqual({ name: 'admin', containerPort: 8081 });
  });

  test('asks for no certificate of clients unless told to', () => {
    const asked = (access: object) =>
      containerOf(access).env.find(({ name }) => name === servingEnv.clientCertificates)?.value;
    expect(asked({ tls })).toBe('None');
    expect(asked({ tls: { ...tls, clientCertificates: 'Required' } })).toBe('Required');
  });
});

test('nothing is added where access is absent', () => {
  const names: string[] = containerOf(undefined).env.map(({ name }) => name);
  const { apiKeysDir, oidc: settings, oidcCa, tlsDir, clientCertificates, clientCaDir } = servingEnv;
  for (const name of [apiKeysDir, settings, oidcCa, tlsDir, clientCertificates, clientCaDir])
    expect(names).not.toContain(name);
});

test('the order of claims in an object makes no other pod', () => {
  const claims = (requiredClaims: object) => planOf({ oidc: { ...oidc, requiredClaims } }).status.revision;
  expect(claims({ a: '1', b: '2' })).toBe(claims({ b: '2', a: '1' }));
  expect(claims({ a: '1', b: '2' })).not.toBe(claims({ a: '1', b: '3' }));
});

test('a pod that waits for its Secrets is told by their fields', () => {
  const { spec } = admitted({
    object: {
      spec: {
        model,
        access: { apiKeys, tls: { ...tls, clientCertificates: 'Required', clientCaConfigMapRef: { name: 'ca' } } },
      },
    },
  });
  expect(mountsOf(spec)).toEqual([
    { kind: 'Secret', name: 'digits-keys', field: 'spec.access.apiKeys.secretRef.name' },
    { kind: 'Secret', name: 'digits-tls', field: 'spec.access.tls.secretRef.name' },
    { kind: 'ConfigMap', name: 'ca', field: 'spec.access.tls.clientCaConfigMapRef.name' },
  ]);
});

describe('what a pod reports of access', () => {
  const fault: AccessFault = { reason: 'IssuerUnavailable', message: 'the issuer does not answer', closed: true };
  const report = { version: 1, kind: 'Serving', podName: 'a', model: { uri: 's3://a/b', phase: 'Ready' } };

  test('is taken as it is, and only in its form', () => {
    expect(parseServingReport(JSON.stringify({ ...report, access: fault }))?.access).toEqual(fault);
    expect(parseServingReport(JSON.stringify({ ...report, access: { ...fault, more: 1 } }))?.access).toEqual(fault);
    expect(parseServingReport(JSON.stringify({ ...report, access: { ...fault, closed: 'no' } }))).toBeUndefined();
  });

  test('stays behind what keeps pods from being ready', () => {
    const world: Partial<World> = {
      deployment: { replicas: 1, updatedReplicas: 1 },
      pods: [
        {
          name: 'digits-serving-1',
          status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] },
          report: { ...model, phase: 'Failed', fault: { reason: 'ModelNotFound', message: 'gone', retrying: true } },
          access: fault,
        },
      ],
    };
    const ready = planOf({ oidc }, world).status.conditions?.find(({ type }) => type === 'Ready');
    expect(ready?.reason).toBe('ModelNotFound');
  });
});
