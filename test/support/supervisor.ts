import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What is asked of the supervisor process, one JSON line each. */
export type Command = { id: number } & (
  | {
      op: 'start';
      name: string;
      argv: string[];
      env: Record<string, string>;
      cwd?: string;
      log: string;
      signal: NodeJS.Signals;
    }
  | { op: 'stop'; name: string; signal: NodeJS.Signals }
  | { op: 'undo'; argv: string[] }
  | { op: 'remove'; path: string }
);

type Ask<C = Command> = C extends Command ? Omit<C, 'id'> : never;

/** What it answers, and the ends of processes as they happen. */
export type Report = { id: number; pid?: number } | { exit: string; code: number | null; signal: string | null };

interface StartOptions {
  name: string;
  argv: string[];
  /** Where standard output and error are appended. */
  log: string;
  env?: Record<string, string>;
  cwd?: string;
  /** What ends it; SIGKILL follows after 10 s. SIGTERM unless told otherwise. */
  signal?: NodeJS.Signals;
}

export interface Exit {
  code: number | null;
  signal: string | null;
}

export interface Supervisor {
  /** Starts a process. It ends with the supervisor, and so when this process ends, however that comes about. */
  start(options: StartOptions): Promise<{ pid: number; exited: Promise<Exit> }>;
  stop(name: string, signal?: NodeJS.Signals): Promise<void>;
  /** A command to run at the end, before all that was started, or registered, earlier is undone. */
  atEnd(argv: string[]): Promise<void>;
  /** A folder to remove at the end. */
  removeAtEnd(path: string): Promise<void>;
  /** Undoes everything, last first. */
  end(): Promise<void>;
}

/** Starts the process that owns all others of one test cluster. */
export function startSupervisor(): Supervisor {
  const main = fileURLToPath(new URL('supervisor-main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const answers = new Map<number, (report: { pid?: number }) => void>();
  const exits = new Map<string, (exit: Exit) => void>();
  let lastId = 0;

  createInterface({ input: child.stdout }).on('line', (line) => {
    const report = JSON.parse(line) as Report;
    if ('exit' in report) {
      exits.get(report.exit)?.({ code: report.code, signal: report.signal });
      exits.delete(report.exit);
    } else {
      answers.get(report.id)?.(report);
      answers.delete(report.id);
    }
  });

  const ask = (command: Ask) =>
    new Promise<{ pid?: number }>((resolve) => {
      lastId += 1;
      answers.set(lastId, resolve);
      child.stdin.write(`${JSON.stringify({ ...command, id: lastId })}\n`);
    });

  return {
    async start({ name, argv, log, env = {}, cwd, signal = 'SIGTERM' }) {
      const exited = new Promise<Exit>((resolve) => exits.set(name, resolve));
      const { pid = 0 } = await ask({
        op: 'start',
        name,
        argv,
        env,
        log,
        signal,
        ...(cwd === undefined ? {} : { cwd }),
      });
      return { pid, exited };
    },
    async stop(name, signal = 'SIGTERM') {
      await ask({ op: 'stop', name, signal });
    },
    async atEnd(argv) {
      await ask({ op: 'undo', argv });
    },
    async removeAtEnd(path) {
      await ask({ op: 'remove', path });
    },
    async end() {
      child.stdin.end();
      await gone;
    },
  };
}
