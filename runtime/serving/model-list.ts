import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import type { Log } from '../../lib/log.ts';
import { servedTasks, type ListedModel } from '../contract.ts';
import { ConfigurationError } from '../errors.ts';

/** What stands for one of several models in URLs. */
export const modelName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$/), v.maxLength(100));

const schema = v.object({
  models: v.array(
    v.object({
      name: modelName,
      uri: v.pipe(v.string(), v.regex(/^[a-z0-9]+:\/\/\S+$/)),
      digest: v.exactOptional(v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/))),
      task: v.picklist(servedTasks),
    }),
  ),
});

/** Throws ConfigurationError that says where the list is wrong. */
export function parseModelList(text: string): ListedModel[] {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new ConfigurationError(`the list of models: ${v.getDotPath(issue) ?? 'it'}: ${issue.message}`);
  }
  const { models } = parsed.output;
  const names = new Set(models.map(({ name }) => name));
  if (names.size < models.length) throw new ConfigurationError('the list of models: two have the same name');
  return models;
}

/** Between two looks at the file: it changes in place, and the kubelet takes a minute to renew it. */
const lookMs = 1_000;

/** Calls `change` with each new list until the signal aborts. A file that cannot be read, or is no list, changes nothing. */
export async function watchModelList(
  file: string,
  current: string,
  { change, signal, log }: { change: (models: ListedModel[]) => void; signal: AbortSignal; log: Log },
): Promise<void> {
  let seen = current;
  const isOver = (): boolean => signal.aborted;
  while (!isOver()) {
    await sleep(lookMs, undefined, { signal }).catch(() => undefined);
    const text = await readFile(file, 'utf8').catch(() => seen);
    if (text === seen || isOver()) continue;
    seen = text;
    try {
      change(parseModelList(text));
    } catch (error) {
      log.error({ err: error }, 'the new list of models is refused; the one before stays');
    }
  }
}
