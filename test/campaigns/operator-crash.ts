import { crashCampaign, faultModes, type CampaignResult } from './crash-campaign.ts';

const quietMs = 60_000;
const parallel = 12;

/** Every write, hit in every way. @returns whether every run ended as the undisturbed one */
export async function operatorCrash(say: (line: string) => void): Promise<boolean> {
  const startedMs = performance.now();
  const result = await crashCampaign({
    plans: (writes) =>
      faultModes.flatMap((mode) => Array.from({ length: writes }, (_, index) => ({ mode, write: index + 1 }))),
    parallel,
    quietMs,
    say,
  });
  say(summary(result, (performance.now() - startedMs) / 1000));
  return result.results.every(({ faults }) => faults.length === 0);
}

function summary({ version, writes, masked, results }: CampaignResult, seconds: number): string {
  const rows = faultModes.map((mode) => {
    const own = results.filter(({ plan }) => plan.mode === mode);
    const failed = own.filter(({ faults }) => faults.length > 0);
    return `  ${mode.padEnd(8)} ${String(own.length).padStart(4)} plans, ${failed.length} failed`;
  });
  const missed = results.filter(({ struck }) => !struck).length;
  return [
    `Crash campaign on kube-apiserver ${version}: ${results.length} plans over ${writes.length} writes in ${Math.round(seconds)} s`,
    ...rows,
    `  not hit, because their runs had fewer writes: ${missed} plans`,
    `  not compared, because undisturbed runs differ: ${masked.length === 0 ? 'nothing' : masked.join(', ')}`,
  ].join('\n');
}
