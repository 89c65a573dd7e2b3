import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { quantile } from '../statistics.ts';
import type { BenchRequest } from './requests.ts';

/** What clients see of one round of load. */
export interface Load {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/** What h2load prints of a run. */
export interface Summary {
  requestsPerSecond: number;
  done: number;
  /** Not answered with 2xx, or not at all. */
  failed: number;
  /** Of all bodies of answers. */
  dataBytes: number;
}

const run = promisify(execFile);

/** `-1` as the status is a stream that was reset. */
const rowOfLog = /^\d+\t(-?\d+)\t(\d+)$/;

/** Throws where the text is none of h2load's. */
export function parseSummary(text: string): Summary {
  const number = (pattern: RegExp): number => {
    const found = pattern.exec(text)?.[1];
    if (found === undefined) throw new Error(`h2load printed nothing like ${String(pattern)}:\n${text}`);
    return Number(found);
  };
  const done = number(/^requests: .* (\d+) done/m);
  const failed = number(/^requests: .* (\d+) failed/m);
  return {
    requestsPerSecond: number(/^finished in .*?, ([\d.]+) req\/s/m),
    done,
    failed: Math.max(failed, done - number(/^status codes: (\d+) 2xx/m)),
    dataBytes: number(/^traffic: .* \((\d+)\) data/m),
  };
}

/** Latencies in milliseconds from the log that h2load keeps of every answer. */
export function parseLog(text: string): number[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const found = rowOfLog.exec(line);
      if (!found) throw new Error(`h2load's log has a strange line: ${line}`);
      return Number(found[2]) / 1_000;
    });
}

/**
 * Fails where not everything was answered. A gRPC error comes with HTTP's 200, but without a message: so the bytes of all
 * answers must be those of as many good ones, and at most one more for each client, whose answer came as time ran out.
 */
export function checkSummary({ done, failed, dataBytes }: Summary, answerBytes: number, clients: number): void {
  if (done === 0) throw new Error('nothing was answered');
  if (failed > 0) throw new Error(`${failed} of ${done} requests failed`);
  if (dataBytes < done * answerBytes || dataBytes > (done + clients) * answerBytes)
    throw new Error(`${done} answers of ${answerBytes} bytes each make no ${dataBytes} bytes: some were errors`);
}

/**
 * A closed loop of `clients` connections, each with one request at a time.
 *
 * @param answerBytes of the body of a good answer
 */
export async function load(
  request: BenchRequest,
  { clients, forMs, answerBytes }: { clients: number; forMs: number; answerBytes: number },
): Promise<Load> {
  const folder = mkdtempSync(join(tmpdir(), 'modelyard-load-'));
  try {
    const [body, log] = [join(folder, 'body'), join(folder, 'log')];
    writeFileSync(body, request.body);
    const headers = Object.entries(request.headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
    const { stdout } = await run('taskset', [
      '--cpu-list',
      '1',
      'h2load',
      ...(request.protocol === 'gRPC' ? [] : ['--h1']),
      `--clients=${clients}`,
      '--threads=1',
      '--max-concurrent-streams=1',
      `--duration=${forMs}ms`,
      `--data=${body}`,
      `--log-file=${log}`,
      ...headers,
      request.url,
    ]);
    const summary = parseSummary(stdout);
    checkSummary(summary, answerBytes, clients);
    const latenciesMs = parseLog(readFileSync(log, 'utf8'));
    return {
      requestsPerSecond: summary.requestsPerSecond,
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
