import type { TensorInput } from '../../client/model-client.ts';
import { seededRandom } from './random.ts';
import { miniLmSized, resNet50, vocabulary } from './seeded-networks.ts';

/** A network, and requests of so many rows for it. */
export interface GpuCase {
  name: string;
  model: () => Uint8Array;
  /** The same seed gives the same request. */
  request: (rows: number, seed: number) => Record<string, TensorInput>;
}

const words = 64;

/** What is served on a GPU in tests and benchmarks. */
export const gpuCases: readonly GpuCase[] = [
  {
    name: 'ResNet-50',
    model: () => resNet50(1),
    request: (rows, seed) => {
      const random = seededRandom(seed);
      const data = Float32Array.from({ length: rows * 3 * 224 * 224 }, () => random.integer(256) / 128 - 1);
      return { x: { dataType: 'FP32', shape: [rows, 3, 224, 224], data } };
    },
  },
  {
    name: `MiniLM's sizes, ${words} words`,
    model: () => miniLmSized(2),
    request: (rows, seed) => {
      const random = seededRandom(seed);
      const tokens = (value: () => number): TensorInput => ({
        dataType: 'INT64',
        shape: [rows, words],
        data: BigInt64Array.from({ length: rows * words }, () => BigInt(value())),
      });
      return {
        input_ids: tokens(() => random.integer(vocabulary)),
        attention_mask: tokens(() => 1),
        token_type_ids: tokens(() => 0),
      };
    },
  },
];
