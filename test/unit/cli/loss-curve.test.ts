import { describe, expect, test } from '@jest/globals';
import { type CurvePoint, lossCurve } from '../../../cli/training/loss-curve.ts';

/** A loss that falls exponentially from `first` to `last`. */
function falling(first: number, last: number, count = 20): CurvePoint[] {
  return Array.from({ length: count }, (_, index) => ({
    step: (index + 1) * 50,
    loss: first * (last / first) ** (index / (count - 1)),
    ...((index + 1) % 5 === 0 ? { validationLoss: first * (last / first) ** (index / count) } : {}),
  }));
}

const texts = (svg: string): string[] =>
  [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text]) => text ?? '');

/** The points of each line, in pixels. */
const lines = (svg: string): [number, number][][] =>
  [...svg.matchAll(/<path d="([^"]*)"/g)].map(([, path = '']) =>
    path
      .split(/[ML]/)
      .slice(1)
      .map((pair) => pair.split(' ').map(Number) as [number, number]),
  );

describe('the loss curve', () => {
  test('has a title, both axes with their names and ticks, and a legend of both losses', () => {
    const shown = texts(lossCurve('digits: loss', falling(2.3, 0.4)));
    expect(shown).toEqual(expect.arrayContaining(['digits: loss', 'step', 'loss', 'training', 'validation']));
    expect(shown).toEqual(expect.arrayContaining(['0', '200', '1,000', '0.0', '1.0', '2.0']));
  });

  test('draws every point of each loss within the picture, later steps further right and lower losses further down', () => {
    const [training = [], validation = []] = lines(lossCurve('digits: loss', falling(2.3, 0.4)));
    expect([training.length, validation.length]).toEqual([20, 4]);
    for (const points of [training, validation]) {
      const steps = points.map(([x]) => x);
      const losses = points.map(([, y]) => y);
      expect(steps).toEqual([...steps].sort((a, b) => a - b));
      expect(losses).toEqual([...losses].sort((a, b) => a - b));
    }
    for (const [x, y] of [...training, ...validation]) {
      expect(x).toBeGreaterThanOrEqual(76);
      expect(x).toBeLessThanOrEqual(852);
      expect(y).toBeGreaterThanOrEqual(64);
      expect(y).toBeLessThanOrEqual(440);
    }
  });

  test('is logarithmic where the loss falls far, so that its end is no flat line', () => {
    const svg = lossCurve('digits: loss', falling(2.3, 0.0023));
    expect(texts(svg)).toEqual(expect.arrayContaining(['loss (logarithmic)', '1', '0.1', '0.01', '0.005']));
    const [training = []] = lines(svg);
    const falls = training.slice(1).map(([, y], index) => y - (training[index]?.[1] ?? 0));
    expect(Math.max(...falls) - Math.min(...falls)).toBeLessThan(0.1);
  });

  test('leaves out a validation loss that was never measured, and losses that are no numbers', () => {
    const points = falling(2.3, 0.4).map(({ step, loss = 0 }) => ({ step, loss }));
    const svg = lossCurve('digits: loss', [{ step: 1, loss: NaN }, ...points, { step: 9_999, loss: Infinity }]);
    expect(texts(svg)).not.toContain('validation');
    expect(lines(svg).map(({ length }) => length)).toEqual([20]);
    expect(svg).not.toMatch(/NaN|Infinity/);
  });

  test.each([
    ['no point', []],
    ['one point', [{ step: 1, loss: 0.5 }]],
    ['a loss that stays 0', [1, 2, 3].map((step) => ({ step, loss: 0 }))],
    ['a loss below 0', [1, 2, 3].map((step) => ({ step, loss: -step }))],
    ['huge losses', [1, 2, 3].map((step) => ({ step, loss: 1e30 * step }))],
  ])('is a picture with %s too', (_name, points) => {
    const svg = lossCurve('<digits> & "more"', points);
    expect(svg).toContain('&lt;digits&gt; &amp; &quot;more&quot;');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(svg).toMatch(/^<svg [^>]*width="880" height="500"[^>]*>[^]*<\/svg>\s*$/);
  });

  test('is the same text for the same points', () => {
    expect(lossCurve('digits', falling(2, 1))).toBe(lossCurve('digits', falling(2, 1)));
  });
});
