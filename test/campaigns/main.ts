import { answeringLatency } from './answering-latency.ts';
import { malformedRequestsCampaign } from './malformed-requests.ts';
import { operatorCrash } from './operator-crash.ts';
import { seededBugs } from './seeded-bugs.ts';
import { trainingFaults } from './training-faults.ts';

/** Long test programs that are no part of `npm test`. Each says whether it passed. */
const campaigns: Record<string, (say: (line: string) => void) => Promise<boolean>> = {
  'answering-latency': answeringLatency,
  'malformed-requests': malformedRequestsCampaign,
  'operator-crash': operatorCrash,
  'seeded-bugs': seededBugs,
  'training-faults': trainingFaults,
};

const asked = process.argv.slice(2);
const names = asked.length === 0 ? Object.keys(campaigns) : asked;
let passed = true;
for (const name of names) {
  const campaign = campaigns[name];
  if (campaign === undefined) throw new Error(`no campaign ${name}; there are ${Object.keys(campaigns).join(', ')}`);
  passed = (await campaign((line) => process.stdout.write(`${line}\n`))) && passed;
}
process.exitCode = passed ? 0 : 1;
