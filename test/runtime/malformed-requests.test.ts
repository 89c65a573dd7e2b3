import { expect, test } from '@jest/globals';
import { malformedRequests } from '../campaigns/malformed-requests.ts';

test('malformed REST and gRPC requests cost the answering process nothing: no exit, no leak of internals, no lost model', async () => {
  const { sent, violations, grownMiB } = await malformedRequests({ count: 5_000, seed: 7 });
  expect(violations).toEqual([]);
  expect(sent.rest + sent.grpc + sent.sockets).toBe(5_000);
  expect(grownMiB).toBeLessThan(100);
}, 180_000);
