import { expect, test } from '@jest/globals';
import { InferenceStatistics } from '../../../../runtime/serving/inference-statistics.ts';

test('statistics count requests, their rows, and runs by how many rows they had', () => {
  const statistics = new InferenceStatistics();
  statistics.queued(2);
  statistics.queued(4);
  statistics.executed(2, { executions: [{ rows: 5, inferMs: 10 }], inputMs: 1, runMs: 11.5 });
  statistics.succeeded(2, 1_000.7, 20);
  statistics.succeeded(3, 1_001.2, 22);
  statistics.failed(1_002.9, 7);
  const none = { count: 0, ns: 0 };
  expect(statistics.snapshot()).toEqual({
    last_inference: 1_002,
    inference_count: 5,
    execution_count: 1,
    inference_stats: {
      success: { count: 2, ns: 42_000_000 },
      fail: { count: 1, ns: 7_000_000 },
      queue: { count: 2, ns: 6_000_000 },
      compute_input: { count: 2, ns: 2_000_000 },
      compute_infer: { count: 2, ns: 20_000_000 },
      compute_output: { count: 2, ns: 1_000_000 },
      cache_hit: none,
      cache_miss: none,
    },
    response_stats: {},
    batch_stats: [
      {
        batch_size: 5,
        compute_input: { count: 1, ns: 1_000_000 },
        compute_infer: { count: 1, ns: 10_000_000 },
        compute_output: { count: 1, ns: 500_000 },
      },
    ],
    memory_usage: [],
  });
});
