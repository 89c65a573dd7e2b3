import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { refreshVolumes } from '../../../cli/local/pod-environment.ts';
import type { KubeObject } from '../../../operator/kube/object.ts';

const configMap = (data: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'pin', namespace: 'default' },
  data,
});

test('a volume that is renewed many times at once ends as the object is, and no renewal fails', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-volumes-'));
  try {
    const volumes = [{ name: 'pin', configMap: { name: 'pin' } }];
    const renew = (data: Record<string, string>) => refreshVolumes(volumes, folder, () => configMap(data));
    await Promise.all(Array.from({ length: 30 }, () => renew({ 'digests.json': '{}' })));
    expect(await readdir(join(folder, 'pin'))).toEqual(['digests.json']);
    await renew({ other: 'text' });
    expect(await readdir(join(folder, 'pin'))).toEqual(['other']);
    expect(await readFile(join(folder, 'pin', 'other'), 'utf8')).toBe('text');
  } finally {
    await rm(folder, { recursive: true });
  }
});
