/**
 * `npm run demo`: serves the digit classifier on this machine, asks it about images it has never seen, over REST and
 * gRPC, and stops. Exit code 0 if at least 18 of 20 answers are right each way.
 */
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../cli/commands/run.ts';
import { CliError } from '../cli/errors.ts';
import type { Session } from '../cli/local/session.ts';
import { outputTo } from '../cli/output.ts';
import { tableText } from '../cli/printer.ts';
import type { Terminal } from '../cli/terminal.ts';
import { ModelClient } from '../client/model-client.ts';
import { createLog } from '../lib/log.ts';
import { stopSignal } from '../lib/signals.ts';

const enough = 18;
const name = 'digits';
const example = join(import.meta.dirname, '..', 'examples', 'digits');

const stop = stopSignal(process);
const home = await mkdtemp(join(tmpdir(), 'modelyard-demo-'));
const terminal: Terminal = {
  ...outputTo(process.stdout),
  stdin: process.stdin,
  now: () => new Date(),
  folder: join(home, '.modelyard'),
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

async function ask(session: Session): Promise<void> {
  const { http, grpc } = await session.endpoint('default', name);
  const answers = [
    await askAbout(ModelClient.rest(`http://${http}`, { model: name }), 'REST'),
    await askAbout(ModelClient.grpc(grpc, { model: name }), 'gRPC'),
  ];
  if (answers.every((right) => right >= enough)) process.exitCode = 0;
}

process.exitCode = 1;
try {
  await cp(join(example, 'model'), join(terminal.folder, 'volumes', 'models', name), { recursive: true });
  await run(terminal, [join(example, 'digits.yaml')], { log: createLog('operator', 'error'), onReady: ask });
  if (stop.signal.aborted) process.exitCode = 130;
} catch (error) {
  if (!(error instanceof CliError)) throw error;
  process.stderr.write(`${error.message}\n`);
} finally {
  stop.dispose();
  await rm(home, { recursive: true, force: true });
}
