import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { RequestListener } from 'node:http';
import { openWorkplace, serve, type Workplace } from './workplace.ts';

describe('an S3 endpoint that is none', () => {
  let work: Workplace;
  beforeEach(async () => {
    work = await openWorkplace();
  });
  afterEach(() => work.remove());

  test.each<[string, string, RequestListener]>([
    [
      'answers a folder with a web page',
      's3://models/digits/',
      (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html><p>Welcome<br></html>'),
    ],
    ['never answers for a folder', 's3://models/digits/', () => undefined],
    ['never answers for a file', 's3://models/digits.onnx', () => undefined],
    ['hangs up', 's3://models/digits.onnx', (request) => void request.socket.destroy()],
  ])(
    'is a fault that names it and is tried again, where it %s',
    async (_, uri, listener) => {
      const server = await serve(listener);
      const endpoint = `http://127.0.0.1:${server.port}`;
      try {
        const fault = await work.fault(uri, { storage: { endpoint }, limits: { stallTimeoutMs: 200 } });
        expect(fault).toMatchObject({ code: 'StorageUnavailable', retrying: true });
        expect(fault.message).toContain(endpoint);
        expect(fault.message.length).toBeLessThan(600);
      } finally {
        await server.close();
      }
    },
    60_000,
  );
});
