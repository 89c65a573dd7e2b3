/**
 * Owns the processes of one test cluster, so that they end even when the test process is killed: its standard input
 * closes then, and everything pushed is undone in reverse order. Speaks JSON lines; see supervisor.ts.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { openSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Command, Report } from './supervisor.ts';

const graceMs = 10_000;
const running = new Map<string, { child: ChildProcess; exited: Promise<void> }>();
const undo: (() => Promise<void>)[] = [];

function report(message: Report): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function end(name: string, signal: NodeJS.Signals): Promise<void> {
  const entry = running.get(name);
  if (entry === undefined) return;
  entry.child.kill(signal);
  const timer = setTimeout(() => entry.child.kill('SIGKILL'), graceMs);
  await entry.exited;
  clearTimeout(timer);
}

async function run(argv: readonly string[]): Promise<void> {
  const [file = '', ...args] = argv;
  const child = spawn(file, args, { stdio: 'ignore' });
  await new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
}

function start(command: Extract<Command, { op: 'start' }>): void {
  const { id, name, argv, env, cwd, log, signal } = command;
  const [file = '', ...args] = argv;
  const output = openSync(log, 'a');
  const child = spawn(file, args, { stdio: ['ignore', output, output], env: { ...process.env, ...env }, cwd });
  const exited = new Promise<void>((resolve) => {
    const gone = (code: number | null, by: string | null) => {
      running.delete(name);
      report({ exit: name, code, signal: by });
      resolve();
    };
    child.once('error', () => gone(127, null));
    child.once('exit', gone);
  });
  running.set(name, { child, exited });
  undo.push(() => end(name, signal));
  report({ id, pid: child.pid ?? 0 });
}

async function obey(command: Command): Promise<void> {
  switch (command.op) {
    case 'start':
      start(command);
      return;
    case 'stop':
      await end(command.name, command.signal);
      report({ id: command.id });
      return;
    case 'undo':
      undo.push(() => run(command.argv));
      report({ id: command.id });
      return;
    case 'remove':
      undo.push(() => {
        rmSync(command.path, { recursive: true, force: true, maxRetries: 20 });
        return Promise.resolve();
      });
      report({ id: command.id });
      return;
  }
}

let ending = false;
async function finish(): Promise<void> {
  if (ending) return;
  ending = true;
  for (const step of undo.reverse()) {
    try {
      await step();
    } catch (error) {
      process.stderr.write(`supervisor: ${String(error)}\n`);
    }
  }
  process.exit(0);
}

process.on('SIGTERM', () => void finish());
process.on('SIGINT', () => void finish());
process.stdout.on('error', () => void finish());
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => void obey(JSON.parse(line) as Command));
lines.on('close', () => void finish());
