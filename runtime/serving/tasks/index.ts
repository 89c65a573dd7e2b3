import type { ServedTask } from '../../contract.ts';
import { featureExtraction } from './feature-extraction.ts';
import { imageClassification } from './image-classification.ts';
import { tabular } from './tabular.ts';
import type { Task } from './task.ts';
import { textClassification } from './text-classification.ts';
import { tensor } from './tensor.ts';
import { tokenClassification } from './token-classification.ts';

const tasks: Readonly<Record<ServedTask, Task>> = {
  Tensor: tensor,
  Tabular: tabular,
  TextClassification: textClassification,
  TokenClassification: tokenClassification,
  FeatureExtraction: featureExtraction,
  ImageClassification: imageClassification,
};

const isServed = (name: string): name is ServedTask => Object.hasOwn(tasks, name);

/** The task of that name, or undefined where this version serves none of it. */
export const findTask = (name: string): Task | undefined => (isServed(name) ? tasks[name] : undefined);
