import { describe, expect, test } from '@jest/globals';
import { intAttribute } from '../../../../runtime/onnx/attributes.ts';
import { decodeModel } from '../../../../runtime/onnx/model.ts';
import { cudaForm } from '../../../../runtime/training/worker/cuda-form.ts';
import { graphDistance } from '../../../support/graph-distance.ts';
import { gradientCases } from '../autodiff/cases/all.ts';
import { problemOf } from '../autodiff/gradient-check.ts';
import { GraphSession } from '../autodiff/graph-session.ts';

const cases = gradientCases.filter(({ operator }) => operator === 'BatchNormalization');

describe('the form of a training graph for CUDA', () => {
  test.each(cases.map((one) => [one.name, one] as const))(
    'computes what the graph computes: %s',
    async (_, gradientCase) => {
      const { options, batch } = await problemOf(gradientCase);
      const plain = await GraphSession.open(gradientCase.model, options);
      const other = await GraphSession.open(gradientCase.model, options, cudaForm);
      expect(graphDistance(await plain.step(batch), await other.step(batch))).toBeLessThan(1e-5);
      await plain.close();
      await other.close();
    },
  );

  test('has no BatchNormalization that takes its statistics from the batch', async () => {
    const modes = async (form: (graph: Uint8Array) => Uint8Array): Promise<number> => {
      let count = 0;
      for (const gradientCase of cases) {
        const { options } = await problemOf(gradientCase);
        const session = await GraphSession.open(gradientCase.model, options);
        const { node } = decodeModel(form(session.graph.training)).graph;
        count += node.filter((one) => intAttribute(one, 'training_mode') === 1).length;
        await session.close();
      }
      return count;
    };
    expect(await modes((graph) => graph)).toBeGreaterThan(1);
    expect(await modes(cudaForm)).toBe(0);
  });

  test('of a graph without one is that graph', async () => {
    const [plain] = gradientCases.filter(({ operator }) => operator === 'Conv');
    if (!plain) throw new Error('there is no such case');
    const { options } = await problemOf(plain);
    const session = await GraphSession.open(plain.model, options);
    expect(Buffer.from(cudaForm(session.graph.training)).equals(session.graph.training)).toBe(true);
    await session.close();
  });
});
