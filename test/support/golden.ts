/**
 * Plans as text to be reviewed. `NAME.input.yaml` describes a world, `NAME.plan.yaml` the whole plan. `UPDATE_GOLDEN=1` writes the
 * plans anew.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';

/** One test for each world in the folder, and one that no plan is left over. */
export function goldenCases(promise: string, folder: string, planOf: (world: unknown) => unknown): void {
  const cases = readdirSync(folder)
    .filter((file) => file.endsWith('.input.yaml'))
    .map((file) => file.replace('.input.yaml', ''));

  describe(promise, () => {
    test.each(cases)('%s', (name) => {
      const world = parse(readFileSync(join(folder, `${name}.input.yaml`), 'utf8')) as unknown;
      const file = join(folder, `${name}.plan.yaml`);
      const text = stringify(planOf(world), { aliasDuplicateObjects: false, lineWidth: 0 });
      if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text);
      expect(existsSync(file)).toBe(true);
      expect(text).toBe(readFileSync(file, 'utf8'));
    });

    test('no plan is left over from a case that is gone', () => {
      const plans = readdirSync(folder).filter((file) => file.endsWith('.plan.yaml'));
      expect(plans.map((file) => file.replace('.plan.yaml', '')).sort()).toEqual([...cases].sort());
    });
  });
}
