import { softmax } from './scores.ts';

/** How tokens become entities, by transformers' names. */
export const aggregations = ['none', 'simple', 'first', 'average', 'max'] as const;

export type Aggregation = (typeof aggregations)[number];

/** A part of the text with a label: `start` and `end` are places in it. */
export interface LabelledSpan {
  label: string;
  score: number;
  start: number;
  end: number;
}

/** A token with what the model says of it. */
export interface ScoredToken {
  /** A number for each label. */
  logits: Float32Array;
  start: number;
  end: number;
  /** Whether it goes on with the word of the token before. */
  continues: boolean;
}

interface Labelled extends Omit<ScoredToken, 'logits'> {
  /** Of all labels. */
  scores: Float32Array;
}

/** What no entity is. */
const outside = 'O';

/**
 * Entities as transformers' TokenClassificationPipeline makes them: `none` labels each token, `simple` joins neighbours of one kind;
 * `first`, `average` and `max` do so with whole words, labelled by their first token, by their mean, or by their surest token.
 */
export function entitiesOf(
  tokens: readonly ScoredToken[],
  labels: (index: number) => string,
  aggregation: Aggregation,
): LabelledSpan[] {
  const scored = tokens.map(({ logits, ...token }): Labelled => ({ ...token, scores: softmax(logits) }));
  const byWord = aggregation !== 'none' && aggregation !== 'simple';
  const parts = byWord ? wordsOf(scored).map((word) => joined(word, aggregation)) : scored;
  const spans = parts.map(({ scores, start, end }): LabelledSpan => {
    const index = indexOfLargest(scores);
    return { label: labels(index), score: scores[index] ?? 0, start, end };
  });
  const entities = aggregation === 'none' ? spans : grouped(spans);
  return entities.filter(({ label }) => label !== outside);
}

function wordsOf(tokens: readonly Labelled[]): [Labelled, ...Labelled[]][] {
  const words: [Labelled, ...Labelled[]][] = [];
  for (const token of tokens) {
    const word = words.at(-1);
    if (word && token.continues) word.push(token);
    else words.push([token]);
  }
  return words;
}

function joined(word: readonly [Labelled, ...Labelled[]], aggregation: 'first' | 'average' | 'max'): Labelled {
  const [first] = word;
  const scoresOf = {
    first: () => first.scores,
    average: () => first.scores.map((_, label) => mean(word.map(({ scores }) => scores[label] ?? 0))),
    max: () => word.reduce((best, token) => (largest(token.scores) > largest(best.scores) ? token : best)).scores,
  };
  return { ...first, end: word.at(-1)?.end ?? first.end, scores: scoresOf[aggregation]() };
}

/** Neighbours of one kind, unless the later one begins another entity of it (`B-`). */
function grouped(spans: readonly LabelledSpan[]): LabelledSpan[] {
  const groups: [LabelledSpan, ...LabelledSpan[]][] = [];
  for (const span of spans) {
    const group = groups.at(-1);
    if (group && kindOf(span.label) === kindOf(group[0].label) && !span.label.startsWith('B-')) group.push(span);
    else groups.push([span]);
  }
  return groups.map((group) => ({
    label: kindOf(group[0].label),
    score: mean(group.map(({ score }) => score)),
    start: group[0].start,
    end: group.at(-1)?.end ?? group[0].end,
  }));
}

const kindOf = (label: string): string => label.replace(/^[BI]-/, '');

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const largest = (values: Float32Array): number => values[indexOfLargest(values)] ?? -Infinity;

const indexOfLargest = (values: Float32Array): number =>
  values.reduce((best, value, index) => (value > (values[best] ?? -Infinity) ? index : best), 0);
