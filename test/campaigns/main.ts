import { parseArgs } from 'node:util';
import { table, missed, type Campaign, type CampaignOptions } from './figures.ts';
import { operatorCrash } from './operator-crash.ts';
import { seededBugs } from './seeded-bugs.ts';
import { abandoned } from './serving/abandoned.ts';
import { crashes } from './serving/crashes.ts';
import { drain } from './serving/drain.ts';
import { endurance } from './serving/endurance.ts';
import { addresses } from './serving/hostile-addresses.ts';
import { archives } from './serving/hostile-archives.ts';
import { underOverload } from './serving/overload.ts';
import { probes } from './serving/probes.ts';
import { rollingUpdates } from './serving/rolling-updates.ts';
import { unknownInputs } from './serving/unknown-inputs.ts';
import { malformedModels } from './serving/malformed-models.ts';
import { malformedRequests } from './serving/malformed-requests.ts';
import { trainingFaults } from './training-faults.ts';

/** Prints what a campaign measured. @returns whether every promise was kept */
const reported =
  (title: string, campaign: Campaign) =>
  async (options: CampaignOptions): Promise<boolean> => {
    const begin = performance.now();
    const outcome = await campaign(options);
    const seconds = Math.round((performance.now() - begin) / 1000);
    options.say(table(`${title}, ${seconds} s${options.isShort ? ', short' : ''}`, outcome));
    return missed(outcome, { withTimes: true }).length === 0;
  };

/** Long test programs that are no part of `npm test`. Each says whether it passed. */
const campaigns: Record<string, (options: CampaignOptions) => Promise<boolean>> = {
  abandoned: reported('B5 clients that left', abandoned),
  crashes: reported('B9 crashes of the model process', crashes),
  drain: reported('B2 pods that are told to stop', drain),
  endurance: reported('B8 memory', endurance),
  'hostile-addresses': reported('C4 addresses that nothing may be read from', addresses),
  'hostile-archives': reported('C5 hostile archives', archives),
  overload: reported('B3 overload', underOverload),
  probes: reported('B4 probes and deadlines', probes),
  'rolling-updates': reported('B1 rolling updates', rollingUpdates),
  'unknown-inputs': reported('B10 inputs and outputs that the model does not have', unknownInputs),
  'malformed-models': reported('B6 mutated models', malformedModels),
  'malformed-requests': reported('B6 malformed requests', malformedRequests),
  'operator-crash': ({ say }) => operatorCrash(say),
  'seeded-bugs': ({ say }) => seededBugs(say),
  'training-faults': ({ say }) => trainingFaults(say),
};

const { values, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { short: { type: 'boolean', default: false }, seed: { type: 'string', default: '1' } },
});
const unknown = names.filter((name) => campaigns[name] === undefined);
const seed = Number(values.seed);
if (names.length === 0 || unknown.length > 0 || !Number.isSafeInteger(seed)) {
  console.error(
    `usage: npm run campaign -- NAME... [--short] [--seed NUMBER], where NAME is one of: ${Object.keys(campaigns).join(', ')}`,
  );
  process.exit(64);
}
let passed = true;
for (const name of names) {
  const options = { isShort: values.short, seed, say: (line: string) => void process.stdout.write(`${line}\n`) };
  passed = ((await campaigns[name]?.(options)) ?? false) && passed;
}
process.exitCode = passed ? 0 : 1;
