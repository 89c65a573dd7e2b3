import { join } from 'node:path';
import { render } from '../../operator/core/training/render.ts';
import { goldenCases } from '../support/golden.ts';
import { observeJob, type TrainingWorld } from '../support/training-world.ts';

goldenCases(
  'a TrainingJob in its world gives exactly this plan',
  join(import.meta.dirname, 'training-cases'),
  (world) => {
    const { observed, inputs } = observeJob(world as TrainingWorld);
    return render(observed, inputs);
  },
);
