import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { explain } from '../../../runtime/explain/explain.ts';
import type { Predict } from '../../../runtime/explain/model.ts';
import type { Method, TextRequest } from '../../../runtime/explain/request.ts';
import { textSubjects } from '../../../runtime/explain/text.ts';

const request = (texts: readonly string[], method: Method = 'kernel_shap'): TextRequest => ({
  kind: 'text',
  method,
  seed: 1,
  texts,
});

/** How good a text is by its words: "not good" is bad. */
const sentiment: Predict<readonly string[]> = (texts) =>
  Promise.resolve(
    Float64Array.from(texts, (text) => {
      const good = text.split('good').length - 1;
      return (text.includes('not') ? -2 : 1) * good + (text.includes('awful') ? -3 : 0);
    }),
  );

const kept = (text: string, mask: readonly number[]): string => {
  const [subject] = textSubjects(request([text])).all;
  return subject?.masker.rows(Uint8Array.from(mask)).batch(0, 1)[0] ?? '';
};

describe('the words of a text', () => {
  test('are features once each, wherever they stand', () => {
    const { about, all } = textSubjects(request(['Good food, good wine: good!', 'a']));
    expect(about.words).toEqual([
      [
        { word: 'Good', at: [0] },
        { word: 'food', at: [5] },
        { word: 'good', at: [11, 22] },
        { word: 'wine', at: [16] },
      ],
      [{ word: 'a', at: [0] }],
    ]);
    expect(all.map(({ features }) => features)).toEqual([4, 1]);
  });

  test('are of any script, with their marks', () => {
    const text = 'Ça va? नमस्ते мир—été snake_case 42';
    const { about } = textSubjects(request([text]));
    expect(about.words[0]?.map(({ word }) => word)).toEqual(['Ça', 'va', 'नमस्ते', 'мир', 'été', 'snake_case', '42']);
    for (const { word, at } of about.words[0] ?? []) expect(text.slice(at[0], (at[0] ?? 0) + word.length)).toBe(word);
  });

  test('are taken away everywhere at once, and what lies between them stays', () => {
    const text = '  Good food, good wine: good!';
    expect(kept(text, [1, 1, 1, 1])).toBe(text);
    expect(kept(text, [1, 1, 0, 1])).toBe('  Good food,  wine: !');
    expect(kept(text, [0, 0, 0, 0])).toBe('   ,  : !');
  });

  test('and what lies between them are the whole text, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (strange) => {
        const text = `${strange}a ${strange}`;
        const [words = []] = textSubjects(request([text])).about.words;
        expect(kept(text, new Array<number>(words.length).fill(1))).toBe(text);
        expect(kept(text, new Array<number>(words.length).fill(0))).not.toMatch(/[\p{L}\p{M}\p{N}_]/u);
      }),
    );
  });
});

describe('explaining texts', () => {
  test('by KernelSHAP divides what words do together among them', async () => {
    const answer = await explain(request(['not good', 'awful: good, good']), sentiment);
    expect(answer.words?.map((words) => words.map(({ word }) => word))).toEqual([
      ['not', 'good'],
      ['awful', 'good'],
    ]);
    [-1.5, -0.5, -3, 2].forEach((value, at) => expect(answer.attributions[at]).toBeCloseTo(value, 9));
    expect([...answer.baseValues]).toEqual([0, 0]);
    expect([...answer.predictions]).toEqual([-2, -1]);
    expect(Math.max(...answer.additivityError)).toBeLessThan(1e-12);
  });

  test('of different lengths fills up the shorter ones with zeros', async () => {
    const answer = await explain(request(['good', 'awful but good wine']), sentiment);
    expect(answer.features).toBe(4);
    expect(answer.attributions).toHaveLength(8);
    expect([...answer.attributions.subarray(0, 4)]).toEqual([1, 0, 0, 0]);
    expect(answer.attributions[4]).toBeCloseTo(-3, 9);
  });

  test('by LIME finds the words that matter', async () => {
    const text = 'the wine was good and the food was awful in the end';
    const answer = await explain({ ...request([text], 'lime'), samples: 2_000 }, sentiment);
    const words = answer.words?.[0]?.map(({ word }) => word) ?? [];
    const weight = (word: string): number => answer.attributions[words.indexOf(word)] ?? NaN;
    expect(weight('good')).toBeCloseTo(1, 1);
    expect(weight('awful')).toBeCloseTo(-3, 1);
    expect(Math.abs(weight('wine'))).toBeLessThan(0.05);
    expect(answer.local?.scores[0]).toBeGreaterThan(0.98);
    expect(answer.evaluations).toBe(1 + 2_000);
  });

  test('has every number of words taken away as often', async () => {
    const [subject] = textSubjects(request(['a b c d e'], 'lime')).all;
    if (!subject) throw new Error('no subject');
    const { sample } = await subject.neighbourhood(5_001, 3, undefined);
    const counts = new Array<number>(6).fill(0);
    for (let row = 1; row < sample.count; row++) {
      const left = sample.data.subarray(5 * row, 5 * row + 5).reduce((sum, value) => sum + value, 0);
      counts[left] = (counts[left] ?? 0) + 1;
    }
    expect(counts[5]).toBe(0);
    for (const count of counts.slice(0, 5)) expect(Math.abs(count - 1_000)).toBeLessThan(130);
  });
});
