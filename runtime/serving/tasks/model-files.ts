import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServedTask } from '../../contract.ts';
import { ModelFault } from '../../errors.ts';
import { isRecord } from '../json.ts';

/** A JSON file beside the model, as Hugging Face's libraries write them; undefined where there is none. Throws ModelFault. */
export async function readModelJson(directory: string, file: string): Promise<unknown> {
  const text = await readFile(join(directory, file), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new ModelFault({
      reason: 'InvalidModel',
      message: `The file ${file} beside the model is not valid JSON.`,
      retrying: false,
    });
  }
}

/** Like `readModelJson`: an empty record where there is no file or no object in it. */
export async function readModelRecord(directory: string, file: string): Promise<Record<string, unknown>> {
  const content = await readModelJson(directory, file);
  return isRecord(content) ? content : {};
}

/** The names in `id2label` of config.json. A class without one is called by its number. */
export function readLabels(config: unknown): (index: number) => string {
  const labels =
    isRecord(config) && isRecord(config.id2label)
      ? new Map(Object.entries(config.id2label))
      : new Map<string, unknown>();
  return (index) => {
    const label = labels.get(String(index));
    return typeof label === 'string' ? label : String(index);
  };
}

/** Why a task cannot serve a model. `what` completes "The model …". */
export const unsupportedBy = (task: ServedTask, what: string): ModelFault =>
  new ModelFault({
    reason: 'UnsupportedModel',
    message: `The model ${what} for the task ${task}; task Tensor serves any model.`,
    retrying: false,
  });
