/**
 * What a ModelDeployment becomes, as text to be reviewed. `NAME.input.yaml` describes the world (see World),
 * `NAME.plan.yaml` the whole plan. `UPDATE_GOLDEN=1` writes the plans anew.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { render } from '../../operator/core/serving/render.ts';
import { observe, type World } from '../support/serving-world.ts';

const folder = join(import.meta.dirname, 'cases');
const cases = readdirSync(folder)
  .filter((file) => file.endsWith('.input.yaml'))
  .map((file) => file.replace('.input.yaml', ''));

const planText = (world: World): string => {
  const { observed, inputs } = observe(world);
  return stringify(render(observed, inputs), { aliasDuplicateObjects: false, lineWidth: 0 });
};

describe('a ModelDeployment in its world gives exactly this plan', () => {
  test.each(cases)('%s', (name) => {
    const world = parse(readFileSync(join(folder, `${name}.input.yaml`), 'utf8')) as World;
    const file = join(folder, `${name}.plan.yaml`);
    const text = planText(world);
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text);
    expect(existsSync(file)).toBe(true);
    expect(text).toBe(readFileSync(file, 'utf8'));
  });

  test('no plan is left over from a case that is gone', () => {
    const plans = readdirSync(folder).filter((file) => file.endsWith('.plan.yaml'));
    expect(plans.map((file) => file.replace('.plan.yaml', '')).sort()).toEqual([...cases].sort());
  });
});
