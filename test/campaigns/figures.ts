/** One thing that a campaign measured, beside what was promised. */
export interface Figure {
  what: string;
  measured: number;
  /** The promise. Both absent: told for orientation. */
  atMost?: number;
  atLeast?: number;
  /** Promised of a machine that does nothing else. */
  isTimed?: boolean;
}

export interface Outcome {
  figures: Figure[];
  /** What broke a promise, in words; a few of many. */
  remarks: string[];
}

export interface CampaignOptions {
  /** Seconds instead of minutes, as CI runs it. */
  isShort: boolean;
  /** The same seed gives the same campaign, as far as it does not depend on time. */
  seed: number;
  say: (line: string) => void;
}

export type Campaign = (options: CampaignOptions) => Promise<Outcome>;

/** Words on what went wrong; no more than a person reads. */
export class Remarks {
  readonly list: string[] = [];
  count = 0;

  readonly add = (what: string): void => {
    this.count += 1;
    if (this.list.length < 20) this.list.push(what.slice(0, 500));
  };
}

export function isKept({ measured, atMost, atLeast }: Figure): boolean {
  return !(atMost !== undefined && !(measured <= atMost)) && !(atLeast !== undefined && !(measured >= atLeast));
}

/** What was promised and missed, without promises about time where the machine may be busy. */
export const missed = ({ figures, remarks }: Outcome, options: { withTimes: boolean }): string[] => [
  ...figures
    .filter((figure) => !isKept(figure) && (options.withTimes || figure.isTimed !== true))
    .map((figure) => `${figure.what}: ${shown(figure.measured)}, not ${promise(figure)}`),
  ...remarks,
];

/** A table of figures. */
export function table(title: string, { figures, remarks }: Outcome): string {
  const rows = figures.map((figure) => [
    figure.what,
    shown(figure.measured),
    promise(figure),
    promise(figure) === '' ? '' : isKept(figure) ? 'kept' : 'MISSED',
  ]);
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const widths = [width(0), width(1), width(2)] as const;
  const lines = rows.map(([what = '', measured = '', promised = '', verdict = '']) =>
    `  ${what.padEnd(widths[0])}  ${measured.padStart(widths[1])}  ${promised.padEnd(widths[2])}  ${verdict}`.trimEnd(),
  );
  return [title, ...lines, ...remarks.map((remark) => `  ! ${remark}`)].join('\n');
}

function promise({ atMost, atLeast }: Figure): string {
  if (atMost !== undefined && atMost === atLeast) return `= ${shown(atMost)}`;
  return [
    ...(atLeast === undefined ? [] : [`≥ ${shown(atLeast)}`]),
    ...(atMost === undefined ? [] : [`≤ ${shown(atMost)}`]),
  ].join(', ');
}

const shown = (value: number): string =>
  Number.isInteger(value) ? value.toLocaleString('en') : Number(value.toPrecision(3)).toLocaleString('en');

/** The value below which this share of all lies; NaN of none. */
export const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? NaN;
