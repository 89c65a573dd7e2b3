import { randomUUID } from 'node:crypto';
import { Server } from 'node:net';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { crdAdmission } from '../../cli/local/admission.ts';
import { LocalCluster } from '../../cli/local/cluster.ts';
import { Services } from '../../cli/local/service.ts';

const address = /^127\.0\.0\.1:\d+$/;

const cluster = (): LocalCluster =>
  new LocalCluster({ now: () => new Date(), uid: randomUUID, admission: crdAdmission });

/** The next time that a port is opened, no more files may be. */
const failOnce = (): void => {
  jest.spyOn(Server.prototype, 'listen').mockImplementationOnce(() => {
    throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
  });
};

describe('a Service of a laptop whose port could not be opened', () => {
  let services: Services;
  afterEach(() => {
    services.stop();
    jest.restoreAllMocks();
  });

  test('is opened the next time', async () => {
    services = new Services(cluster());
    failOnce();
    await expect(services.open('default', 'digits')).rejects.toThrow('too many open files');
    const endpoint = await services.open('default', 'digits');
    expect(endpoint).toEqual({ http: expect.stringMatching(address), grpc: expect.stringMatching(address) });
    expect(await services.open('default', 'digits')).toBe(endpoint);
  });

  test('is opened for TorchServe the next time, and keeps its other ports', async () => {
    services = new Services(cluster());
    const endpoint = await services.open('default', 'digits');
    failOnce();
    await expect(services.openTorchServe('default', 'digits')).rejects.toThrow('too many open files');
    const torchServe = await services.openTorchServe('default', 'digits');
    expect(torchServe).toMatch(address);
    expect(await services.openTorchServe('default', 'digits')).toBe(torchServe);
    expect(await services.open('default', 'digits')).toBe(endpoint);
  });
});
