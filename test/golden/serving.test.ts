import { join } from 'node:path';
import { render } from '../../operator/core/serving/render.ts';
import { goldenCases } from '../support/golden.ts';
import { observe, type World } from '../support/serving-world.ts';

goldenCases('a ModelDeployment in its world gives exactly this plan', join(import.meta.dirname, 'cases'), (world) => {
  const { observed, inputs } = observe(world as World);
  return render(observed, inputs);
});
