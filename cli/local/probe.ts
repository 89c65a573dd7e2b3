import { get } from 'node:http';
import type { ProbeSpec } from './pod.ts';

/** One HTTP probe, as the kubelet does it: any status from 200 to 399 is a success. */
function probeOnce(host: string, port: number, path: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host, port, path, agent: false, timeout: timeoutMs }, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 400);
    });
    request.once('timeout', () => request.destroy(new Error('timeout')));
    request.once('error', () => resolve(false));
  });
}

interface Prober {
  /** Called when the probe's verdict changes, after as many results as its thresholds ask for. */
  onVerdict: (healthy: boolean) => void;
  probe: ProbeSpec;
  host: string;
  port: number;
}

/** Probes until the signal aborts. The first verdict may come with the first result. */
export function startProbe({ onVerdict, probe, host, port }: Prober, signal: AbortSignal): void {
  const periodMs = (probe.periodSeconds ?? 10) * 1000;
  let [successes, failures] = [0, 0];
  let verdict: boolean | undefined;
  const look = async (): Promise<void> => {
    const ok = await probeOnce(host, port, probe.httpGet?.path ?? '/', (probe.timeoutSeconds ?? 1) * 1000);
    if (signal.aborted) return;
    successes = ok ? successes + 1 : 0;
    failures = ok ? 0 : failures + 1;
    const next =
      successes >= (probe.successThreshold ?? 1) ? true : failures >= (probe.failureThreshold ?? 3) ? false : undefined;
    if (next !== undefined && next !== verdict) {
      verdict = next;
      onVerdict(next);
    }
    schedule(verdict === undefined ? Math.min(periodMs, 500) : periodMs);
  };
  const schedule = (delayMs: number): void => {
    if (signal.aborted) return;
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', cancel);
      void look();
    }, delayMs);
    const cancel = (): void => clearTimeout(timer);
    signal.addEventListener('abort', cancel, { once: true });
  };
  schedule((probe.initialDelaySeconds ?? 0) * 1000);
}
