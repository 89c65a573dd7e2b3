import { imageClassification } from './image-classification.ts';
import type { Task } from './task.ts';
import { tensor } from './tensor.ts';

const tasks: readonly Task[] = [tensor, imageClassification];

/** The task of that name, or undefined where this version serves none of it. */
export const findTask = (name: string): Task | undefined => tasks.find((task) => task.name === name);

export const taskNames: readonly string[] = tasks.map(({ name }) => name);
