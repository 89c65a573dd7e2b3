import { scaleLinear, scaleLog } from 'd3-scale';

/** What was measured after so many steps. */
export interface CurvePoint {
  step: number;
  loss?: number;
  validationLoss?: number;
}

/** The whole picture, and the box of the plot in it, in pixels. */
const size = { width: 880, height: 500 };
const box = { left: 76, right: 852, top: 64, bottom: 440 };
/** Blue and orange that also differ in brightness, for those who see no colours. */
const colours = { training: '#2563eb', validation: '#c2410c', text: '#1f2937', faint: '#6b7280', grid: '#e5e7eb' };
/** A loss that falls by more than this is drawn on a logarithmic axis: else its end would be a flat line. */
const logarithmicAbove = 30;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const px = (value: number): string => String(Math.round(value * 100) / 100);

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${px(x)}" y="${px(y)}" ${attributes}>${escaped(content)}</text>`;
}

interface Axis {
  place: (value: number) => number;
  ticks: { value: number; label: string }[];
}

/** Ticks at 1, 2 and 5 of each power of ten, or at the powers alone where there are many. */
function logarithmicAxis(low: number, high: number): Axis {
  const scale = scaleLog()
    .domain([low / 1.2, high * 1.2])
    .range([box.bottom, box.top]);
  const wanted = high / low > 10_000 ? [1] : [1, 2, 5];
  const label = scale.tickFormat(Infinity, '~g');
  const ticks = scale.ticks().filter((value) => wanted.includes(Number(value.toExponential(3).slice(0, 5))));
  return { place: (value) => scale(value), ticks: ticks.map((value) => ({ value, label: label(value) })) };
}

function linearAxis(low: number, high: number): Axis {
  const bottom = Math.min(0, low);
  const scale = scaleLinear()
    .domain([bottom, high > bottom ? high : bottom + 1])
    .range([box.bottom, box.top])
    .nice();
  const label = scale.tickFormat(6);
  return { place: (value) => scale(value), ticks: scale.ticks(6).map((value) => ({ value, label: label(value) })) };
}

function stepAxis(steps: readonly number[]): Axis {
  const last = Math.max(...steps, 1);
  const scale = scaleLinear().domain([0, last]).range([box.left, box.right]);
  const ticks = scale.ticks(Math.min(8, last)).filter(Number.isInteger);
  const label = scale.tickFormat(8, ',d');
  return { place: (value) => scale(value), ticks: ticks.map((value) => ({ value, label: label(value) })) };
}

function line(points: readonly [number, number][], colour: string): string {
  const path = points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${px(x)} ${px(y)}`).join('');
  return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2.5" stroke-linejoin="round" stroke-linecap="round"/>`;
}

const dots = (points: readonly [number, number][], colour: string): string =>
  points.map(([x, y]) => `<circle cx="${px(x)}" cy="${px(y)}" r="3.5" fill="${colour}"/>`).join('');

function legend(entries: { name: string; colour: string }[]): string {
  return entries
    .map(({ name, colour }, index) => {
      const x = box.right - (entries.length - index) * 110;
      return (
        `<rect x="${x}" y="33" width="18" height="4" rx="2" fill="${colour}"/>` +
        text(x + 26, 40, name, `font-size="14" fill="${colours.text}"`)
      );
    })
    .join('');
}

/**
 * The loss over the steps of a job as an SVG picture: a line for training, and one with dots for validation where it was measured.
 * Points whose loss is no finite number are left out.
 */
export function lossCurve(title: string, history: readonly CurvePoint[]): string {
  const finite = (value: number | undefined): value is number => value !== undefined && Number.isFinite(value);
  const training = history.flatMap(({ step, loss: value }) => (finite(value) ? [{ step, value }] : []));
  const validation = history.flatMap(({ step, validationLoss: value }) => (finite(value) ? [{ step, value }] : []));
  const all = [...training, ...validation];
  const values = all.length === 0 ? [0, 1] : all.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const isLogarithmic = low > 0 && high / low > logarithmicAbove;
  const y = isLogarithmic ? logarithmicAxis(low, high) : linearAxis(low, high);
  const x = stepAxis(all.map(({ step }) => step));
  const placed = (points: typeof all): [number, number][] =>
    points.map(({ step, value }) => [x.place(step), y.place(value)]);
  const series = [
    { name: 'training', colour: colours.training, points: placed(training), hasDots: training.length === 1 },
    { name: 'validation', colour: colours.validation, points: placed(validation), hasDots: true },
  ].filter(({ points }) => points.length > 0);
  const middle = (box.top + box.bottom) / 2;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${size.width}" height="${size.height}" fill="#ffffff"/>`,
    text(box.left, 40, title, `font-size="18" font-weight="600" fill="${colours.text}"`),
    legend(series),
    ...y.ticks.map(
      ({ value, label }) =>
        `<line x1="${box.left}" x2="${box.right}" y1="${px(y.place(value))}" y2="${px(y.place(value))}" stroke="${colours.grid}"/>` +
        text(box.left - 10, y.place(value) + 4.5, label, `font-size="13" text-anchor="end" fill="${colours.faint}"`),
    ),
    ...x.ticks.map(
      ({ value, label }) =>
        `<line x1="${px(x.place(value))}" x2="${px(x.place(value))}" y1="${box.bottom}" y2="${box.bottom + 5}" stroke="${colours.faint}"/>` +
        text(x.place(value), box.bottom + 22, label, `font-size="13" text-anchor="middle" fill="${colours.faint}"`),
    ),
    `<line x1="${box.left}" x2="${box.right}" y1="${box.bottom}" y2="${box.bottom}" stroke="${colours.faint}"/>`,
    text(
      (box.left + box.right) / 2,
      box.bottom + 48,
      'step',
      `font-size="14" text-anchor="middle" fill="${colours.text}"`,
    ),
    text(
      22,
      middle,
      isLogarithmic ? 'loss (logarithmic)' : 'loss',
      `font-size="14" text-anchor="middle" fill="${colours.text}" transform="rotate(-90 22 ${middle})"`,
    ),
    ...series.map(({ points, colour, hasDots }) => line(points, colour) + (hasDots ? dots(points, colour) : '')),
    '</svg>',
  ].join('\n')}\n`;
}
