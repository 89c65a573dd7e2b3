import { describe, expect, test } from '@jest/globals';
import { answerOf } from '../../../../../runtime/serving/torchserve/answer.ts';
import { findTask } from '../../../../../runtime/serving/tasks/index.ts';
import type { ServedTask } from '../../../../../runtime/contract.ts';

/** What a task's predictions become. */
function answer(name: ServedTask, predictions: string): string {
  const task = findTask(name);
  if (!task) throw new Error(`no task ${name}`);
  return answerOf({ ...task, toPredictions: () => predictions }, []);
}

describe('the answer', () => {
  test.each<[string, ServedTask, string, string]>([
    ['of raw tensors stays', 'Tensor', '{"y":[[1]]}', '{"y":[[1]]}'],
    ['of a row is its value', 'Tabular', '[1.5]', '1.5'],
    ['of a row keeps all digits', 'Tabular', '[9007199254740993]', '9007199254740993'],
    ['of rows keeps all digits', 'Tabular', '[9007199254740993,1]', '[9007199254740993,1]'],
    ['of rows is a list', 'Tabular', '[1.5,2]', '[1.5,2]'],
    ['of no rows is an empty list', 'Tabular', '[]', '[]'],
    ['of a text is its vector', 'FeatureExtraction', '[[1,2]]', '[1,2]'],
    ['of a text without entities is an empty list', 'TokenClassification', '[[]]', '[]'],
    [
      'of entities keeps them',
      'TokenClassification',
      '[[{"entity_group":"A","score":1,"start":0}]]',
      '[{"entity_group":"A","score":1,"start":0}]',
    ],
    ['of a text has its labels', 'TextClassification', '[[{"label":"a","score":0.5}]]', '{"a":0.5}'],
    [
      'of texts has those of each',
      'TextClassification',
      '[[{"label":"a","score":1}],[{"label":"b","score":1}]]',
      '[{"a":1},{"b":1}]',
    ],
    [
      'of an image has its labels',
      'ImageClassification',
      '[{"label":"a","score":1},{"label":"b","score":0}]',
      '{"a":1,"b":0}',
    ],
    [
      'keeps the order of numbers',
      'ImageClassification',
      '[{"label":"9","score":1},{"label":"1","score":0}]',
      '{"9":1,"1":0}',
    ],
    [
      'keeps the higher of equal labels',
      'ImageClassification',
      '[{"label":"a","score":1},{"label":"a","score":0}]',
      '{"a":1}',
    ],
    ['takes any label for a name', 'ImageClassification', '[{"label":"__proto__","score":1}]', '{"__proto__":1}'],
  ])('%s', (_what, name, predictions, expected) => {
    expect(answer(name, predictions)).toBe(expected);
  });
});
