import { describe, expect, test } from '@jest/globals';
import {
  aggregations,
  entitiesOf,
  type Aggregation,
  type ScoredToken,
} from '../../../../runtime/serving/tasks/entities.ts';

const labels = ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC'];
const labelOf = (index: number): string => labels[index] ?? '';

/** A token of one unit whose surest label has so large a number, the others 0. */
const token = (at: number, label: string, logit = 9, continues = false): ScoredToken => ({
  logits: Float32Array.from(labels, (name) => (name === label ? logit : 0)),
  start: at,
  end: at + 1,
  continues,
});
const share = (logit: number): number => Math.exp(logit) / (Math.exp(logit) + labels.length - 1);
const found = (tokens: ScoredToken[], aggregation: Aggregation): [string, number, number][] =>
  entitiesOf(tokens, labelOf, aggregation).map(({ label, start, end }) => [label, start, end]);

describe('how tokens become entities', () => {
  const sentence = [
    token(0, 'B-PER'),
    token(1, 'I-PER'),
    token(2, 'O'),
    token(3, 'I-LOC'),
    token(4, 'B-LOC'),
    token(5, 'I-LOC'),
    token(6, 'I-PER'),
  ];

  test('none: each token that has a label', () => {
    expect(found(sentence, 'none')).toEqual([
      ['B-PER', 0, 1],
      ['I-PER', 1, 2],
      ['I-LOC', 3, 4],
      ['B-LOC', 4, 5],
      ['I-LOC', 5, 6],
      ['I-PER', 6, 7],
    ]);
  });

  test('simple: neighbours of one kind, until another one begins', () => {
    expect(found(sentence, 'simple')).toEqual([
      ['PER', 0, 2],
      ['LOC', 3, 4],
      ['LOC', 4, 6],
      ['PER', 6, 7],
    ]);
  });

  test('a score is the mean of those of the tokens', () => {
    const [entity] = entitiesOf([token(0, 'B-PER', 4), token(1, 'I-PER', 2)], labelOf, 'simple');
    expect(entity?.score).toBeCloseTo((share(4) + share(2)) / 2, 6);
  });

  test('first, average, max: a word has one label, whatever its parts say', () => {
    const word = [token(0, 'B-PER', 2), token(1, 'B-LOC', 3, true), token(2, 'B-LOC', 3, true)];
    expect(found(word, 'simple')).toHaveLength(3);
    expect(found(word, 'first')).toEqual([['PER', 0, 3]]);
    expect(found(word, 'average')).toEqual([['LOC', 0, 3]]);
    expect(found([token(0, 'B-PER', 5), ...word.slice(1)], 'max')).toEqual([['PER', 0, 3]]);
    const [first] = entitiesOf(word, labelOf, 'first');
    expect(first?.score).toBeCloseTo(share(2), 6);
    const [mean] = entitiesOf(word, labelOf, 'average');
    expect(mean?.score).toBeCloseTo((2 * share(3) + (1 - share(2)) / 4) / 3, 6);
  });

  test.each(aggregations)('%s: nothing where there is nothing', (aggregation) => {
    expect(entitiesOf([], labelOf, aggregation)).toEqual([]);
    expect(entitiesOf([token(0, 'O')], labelOf, aggregation)).toEqual([]);
  });
});
