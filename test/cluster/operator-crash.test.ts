/** The short form of `npm run campaign operator-crash`: every fifth write, and every way of being hit. */
import { expect, test } from '@jest/globals';
import { crashCampaign, faultModes } from '../campaigns/crash-campaign.ts';

const everyNth = 5;

test(
  'an operator that is killed or unheard at a write ends as if nothing had happened',
  async () => {
    const { results } = await crashCampaign({
      plans: (writes) =>
        Array.from({ length: Math.floor(writes / everyNth) }, (_, index) => ({
          write: (index + 1) * everyNth,
          mode: faultModes[index % faultModes.length] ?? 'before',
        })),
      parallel: 6,
      quietMs: 7_000,
      say: (line) => process.stderr.write(`${line}\n`),
    });
    expect(results.length).toBeGreaterThan(5);
    expect(results.filter(({ faults }) => faults.length > 0)).toEqual([]);
  },
  45 * 60_000,
);
