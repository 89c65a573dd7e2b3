import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { readConfig } from '../../operator/config.ts';
import { podKind, servingKinds, trainingJobKind, trainingKinds } from '../../operator/controllers/kinds.ts';
import { chart, helmFor, type Helm } from './helm.ts';

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  rules?: Rule[];
  spec?: unknown;
}

let helm: Helm;

beforeAll(async () => {
  helm = await helmFor();
}, 1_800_000);

async function render(...settings: string[]): Promise<Manifest[]> {
  const set = settings.flatMap((setting) => ['--set', setting]);
  const text = await helm([
    'template',
    'modelyard',
    chart,
    '--namespace',
    'modelyard-system',
    '--kube-version',
    'v1.37.2',
    ...set,
  ]);
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

const ofKind = (manifests: Manifest[], kind: string) => manifests.filter((manifest) => manifest.kind === kind);

const operator = (manifests: Manifest[]) =>
  ofKind(manifests, 'Deployment')[0]?.spec as {
    replicas: number;
    template: { spec: { containers: { image: string; args: string[] }[] } };
  };

describe('the chart', () => {
  test('passes helm lint with warnings as errors', async () => {
    await expect(helm(['lint', '--strict', chart])).resolves.toContain('0 chart(s) failed');
  });

  test.each([[[]], [['watchNamespaces={team-a,team-b}']]])(
    'asks for no wildcard and no Secret: %j',
    async (settings) => {
      const rules = (await render(...settings)).flatMap((manifest) => manifest.rules ?? []);
      expect(rules.length).toBeGreaterThan(5);
      for (const { apiGroups, resources, verbs } of rules) {
        expect([...apiGroups, ...resources, ...verbs].filter((word) => word.includes('*'))).toEqual([]);
        expect(resources.filter((resource) => resource.startsWith('secrets'))).toEqual([]);
      }
    },
  );

  test('lets the operator remove the kinds it makes and jobs whose time is up, and only those', async () => {
    const rules =
      ofKind(await render(), 'ClusterRole').find(({ metadata }) => metadata.name === 'modelyard')?.rules ?? [];
    const written = rules.flatMap(({ apiGroups, resources, verbs }) =>
      verbs.includes('delete') ? resources.map((resource) => `${apiGroups.join()}/${resource}`) : [],
    );
    const owned = [...servingKinds, ...trainingKinds, podKind, trainingJobKind].map(({ apiVersion, plural }) => {
      const [group = '', version] = apiVersion.split('/');
      return version === undefined ? `/${plural}` : `${group}/${plural}`;
    });
    expect(written.sort()).toEqual([...new Set(owned)].sort());
  });

  test('lets the operator change nothing of a model or a job but its status', async () => {
    const rules =
      ofKind(await render(), 'ClusterRole').find(({ metadata }) => metadata.name === 'modelyard')?.rules ?? [];
    const verbs = (resource: string) =>
      rules.filter(({ resources }) => resources.includes(resource)).flatMap((rule) => rule.verbs);
    expect(verbs('modeldeployments')).toEqual(['get', 'list', 'watch']);
    expect(verbs('trainingjobs')).toEqual(['get', 'list', 'watch', 'delete']);
    for (const kind of ['modeldeployments', 'trainingjobs']) expect(verbs(`${kind}/status`)).toEqual(['patch']);
    expect(verbs('pods')).toEqual(['get', 'list', 'watch', 'create', 'delete']);
  });

  test('gives the operator no right outside the watched namespaces', async () => {
    const manifests = await render('watchNamespaces={team-a,team-b}', 'rbac.aggregate=false');
    expect(ofKind(manifests, 'ClusterRole')).toEqual([]);
    expect(ofKind(manifests, 'ClusterRoleBinding')).toEqual([]);
    const namespaces = ofKind(manifests, 'RoleBinding').map(({ metadata }) => metadata.namespace);
    expect(namespaces.sort()).toEqual(['modelyard-system', 'team-a', 'team-b']);
    expect(operator(manifests).template.spec.containers[0]?.args).toContain('--watch-namespaces=team-a,team-b');
  });

  test('carries the CRDs as they are in crds/, kept when the release goes', async () => {
    const crds = ofKind(await render(), 'CustomResourceDefinition');
    const folder = join(chart, '..', '..', 'crds');
    const sources = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')));
    const expected = sources.map((source) => parse(source, { merge: true }) as Manifest);
    const byName = (a: Manifest, b: Manifest) => a.metadata.name.localeCompare(b.metadata.name);
    expect(crds.sort(byName).map(({ spec }) => spec)).toEqual(expected.sort(byName).map(({ spec }) => spec));
    for (const { metadata } of crds) expect(metadata.annotations?.['helm.sh/resource-policy']).toBe('keep');
    expect(ofKind(await render('crds.install=false'), 'CustomResourceDefinition')).toEqual([]);
  });

  test('moves the operator to another image without moving the runtime', async () => {
    const [before, after] = [operator(await render()), operator(await render('image.tag=9.9.9'))];
    const container = (deployment: typeof before) => deployment.template.spec.containers[0];
    expect(container(after)?.image).toBe('modelyard:9.9.9');
    expect(container(after)?.args).toEqual(container(before)?.args);
    expect(container(before)?.args).toContain('--runtime-image=modelyard:0.1.0');
  });

  test('gives the operator only flags that it knows, with what the values say', async () => {
    const settings = [
      'watchNamespaces={team-a,team-b}',
      'runtime.storage.allowedCidrs={10.0.0.0/8,fd00::/8}',
      'logLevel=debug',
      'runtime.logLevel=warn',
      'tracing.endpoint=http://collector.observability.svc:4318',
      'tracing.samplingRatio=0.00001',
    ];
    const args = operator(await render(...settings)).template.spec.containers[0]?.args ?? [];
    const environment = { POD_NAME: 'modelyard-0', POD_NAMESPACE: 'modelyard-system' };
    expect(readConfig(args, environment, 'host')).toMatchObject({
      runtimeImage: 'modelyard:0.1.0',
      runtimePullPolicy: 'IfNotPresent',
      namespace: 'modelyard-system',
      instance: 'modelyard-0',
      watchNamespaces: ['team-a', 'team-b'],
      leaseName: 'modelyard',
      storageAllowedCidrs: ['10.0.0.0/8', 'fd00::/8'],
      logLevel: 'debug',
      runtimeLogLevel: 'warn',
      tracing: { endpoint: 'http://collector.observability.svc:4318', samplingRatio: 0.00001 },
      adminPort: 8081,
    });
  });

  test('prefers a digest over a tag', async () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const [container] = operator(await render(`image.digest=${digest}`, `runtime.image.digest=${digest}`)).template.spec
      .containers;
    expect(container?.image).toBe(`modelyard@${digest}`);
    expect(container?.args).toContain(`--runtime-image=modelyard@${digest}`);
  });

  test.each([
    ['an unknown value', 'replica=3', 'replica'],
    ['a storage range that is none', 'runtime.storage.allowedCidrs={everything}', 'allowedCidrs'],
    ['a runtime without a version', 'runtime.image.tag=', 'runtime/image'],
    ['a log level that is none', 'logLevel=loud', 'logLevel'],
    ['a collector without a scheme', 'tracing.endpoint=collector:4318', 'endpoint'],
    ['more traces than all', 'tracing.samplingRatio=2', 'samplingRatio'],
  ])('refuses %s by name', async (_what, setting, named) => {
    await expect(render(setting)).rejects.toThrow(named);
  });

  test('scrapes metrics only where that is asked for', async () => {
    expect(ofKind(await render(), 'ServiceMonitor')).toEqual([]);
    expect(ofKind(await render('metrics.serviceMonitor.enabled=true'), 'ServiceMonitor')).toHaveLength(1);
    expect(ofKind(await render(), 'PodMonitor')).toEqual([]);
    const [everywhere] = ofKind(await render('metrics.podMonitor.enabled=true'), 'PodMonitor');
    expect(everywhere?.spec).toMatchObject({
      namespaceSelector: { any: true },
      selector: { matchLabels: { 'app.kubernetes.io/managed-by': 'modelyard' } },
      podMetricsEndpoints: [{ port: 'admin', path: '/metrics', interval: '30s' }],
    });
    const [named] = ofKind(await render('metrics.podMonitor.enabled=true', 'watchNamespaces={team-a}'), 'PodMonitor');
    expect(named?.spec).toMatchObject({ namespaceSelector: { matchNames: ['team-a'] } });
  });

  test.each([
    ['http://collector.observability.svc:4318', 4318],
    ['http://collector.observability.svc/otlp', 80],
    ['https://collector.example.com', 443],
    ['http://[fd00::1]:4318', 4318],
  ])('lets spans out to the collector at %s', async (endpoint, port) => {
    const open = async (...settings: string[]) =>
      ofKind(await render(...settings), 'NetworkPolicy').flatMap(({ spec }) =>
        (spec as { egress: { to?: unknown; ports: { port: number }[] }[] }).egress
          .filter(({ to }) => to === undefined)
          .flatMap(({ ports }) => ports.map((one) => one.port)),
      );
    expect(await open()).toEqual([53, 53, 443, 6443]);
    expect(await open(`tracing.endpoint=${endpoint}`)).toEqual([53, 53, 443, 6443, port]);
  });

  test('carries the dashboard as it is in its file, for whoever asks for it', async () => {
    const dashboards = (manifests: Manifest[]) =>
      ofKind(manifests, 'ConfigMap').filter(({ metadata }) => metadata.name === 'modelyard-dashboard');
    expect(dashboards(await render())).toEqual([]);
    const [dashboard] = dashboards(await render('dashboard.enabled=true', 'dashboard.annotations.folder=models'));
    expect(dashboard?.metadata.labels).toMatchObject({ grafana_dashboard: '1' });
    expect(dashboard?.metadata.annotations).toEqual({ folder: 'models' });
    const file = await readFile(join(chart, 'files', 'dashboards', 'modelyard.json'), 'utf8');
    expect((dashboard as { data?: Record<string, string> } | undefined)?.data?.['modelyard.json']).toBe(file);
  });

  test('holds a disruption budget while more than one operator runs', async () => {
    expect(ofKind(await render(), 'PodDisruptionBudget')).toHaveLength(1);
    expect(ofKind(await render('replicas=1'), 'PodDisruptionBudget')).toEqual([]);
  });
});
