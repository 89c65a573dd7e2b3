import { randomInt } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { adminPaths, ports, servingEnv, type ServingReport, type SharedServingReport } from '../../runtime/contract.ts';

const program = fileURLToPath(new URL('../../runtime/serve.ts', import.meta.url));

export interface ServingProcess {
  /** Of the model in URLs. */
  name: string;
  host: string;
  /** Where REST is: `http://HOST:PORT`. */
  url: string;
  /** Where gRPC is: `HOST:PORT`. */
  grpc: string;
  admin: string;
  process: ChildProcess;
  report(): Promise<ServingReport>;
  /** Of a process that serves several models. */
  sharedReport(): Promise<SharedServingReport>;
  /** Lists these models, by name and file; see `ServingSetup.models`. */
  list(models: Readonly<Record<string, string>>): void;
  /** The log so far. */
  log(): string;
  ready(): Promise<void>;
  /** Writes a file of the model's folder. */
  write(file: string, content: Uint8Array): void;
  /** Works while the model's file is away, or is another one. */
  withModel(content: Uint8Array | undefined, work: () => Promise<void>): Promise<void>;
  /** Resolves with the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** A loopback address that no other pod of this machine has, as the laptop gives its pods. */
const freshHost = (): string => `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(2, 255)}`;

export interface ServingSetup {
  /** Files of the model's folder by path. */
  files: Readonly<Record<string, Uint8Array | string>>;
  /** Of `servingEnv`, by its keys. */
  settings?: Partial<Record<keyof typeof servingEnv, string>>;
  /** Variables beyond those. */
  environment?: Readonly<Record<string, string>>;
  name?: string;
  /** Several models that share memory, each a name and one of `files`, instead of one. */
  models?: Readonly<Record<string, string>>;
}

/** Where programs and shared libraries are found. */
const libraries = (): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH,
});

/** Starts a real serving process on a model of its own. It need not be ready yet. */
export function startServingProcess({
  files,
  settings = {},
  environment: extra,
  name = 'model',
  models,
}: ServingSetup): ServingProcess {
  const folder = mkdtempSync(join(tmpdir(), 'modelyard-serving-'));
  const model = join(folder, 'model');
  mkdirSync(model);
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(dirname(join(model, file)), { recursive: true });
    writeFileSync(join(model, file), content);
  }
  const listFile = join(folder, 'models.json');
  const list: ServingProcess['list'] = (listed) => {
    const all = Object.entries(listed).map(([listedName, file]) => {
      const uri = pathToFileURL(join(model, file)).href;
      return { name: listedName, uri, task: settings.task ?? 'Tensor' };
    });
    writeFileSync(`${listFile}.new`, JSON.stringify({ models: all }));
    renameSync(`${listFile}.new`, listFile);
  };
  if (models) list(models);
  const host = freshHost();
  const environment: Record<string, string> = {
    ...(models
      ? { [servingEnv.modelsFile]: listFile }
      : {
          [servingEnv.modelName]: name,
          [servingEnv.modelUri]: `${pathToFileURL(model).href}/model.onnx`,
        }),
    [servingEnv.podIp]: host,
    [servingEnv.cacheDir]: join(folder, 'cache'),
    [servingEnv.allowFileUris]: 'true',
    [servingEnv.drainDelayMs]: '200',
    ...Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [servingEnv[key as keyof typeof servingEnv], value]),
    ),
  };
  const child = spawn(process.execPath, [program], {
    env: { ...libraries(), ...environment, ...extra },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const admin = `http://${host}:${ports.admin}`;
  const reported = async (): Promise<unknown> => (await fetch(`${admin}${adminPaths.report}`)).json();
  const exited = once(child, 'exit').then(([code]) => {
    rmSync(folder, { recursive: true, force: true });
    return code as number | null;
  });
  const serving: ServingProcess = {
    name,
    host,
    url: `http://${host}:${ports.http}`,
    grpc: `${host}:${ports.grpc}`,
    admin,
    process: child,
    report: async () => (await reported()) as ServingReport,
    sharedReport: async () => (await reported()) as SharedServingReport,
    list,
    log: () => log,
    ready: () =>
      until(async () => {
        if (child.exitCode !== null) throw new Error(`the serving process exited with ${child.exitCode}: ${log}`);
        return (await fetch(`${admin}${adminPaths.ready}`).catch(() => undefined))?.status === 200;
      }),
    write: (file, content) => {
      mkdirSync(dirname(join(model, file)), { recursive: true });
      writeFileSync(join(model, file), content);
    },
    withModel: async (content, work) => {
      const file = join(model, 'model.onnx');
      const kept = readFileSync(file);
      rmSync(file);
      if (content) writeFileSync(file, content);
      try {
        await work();
      } finally {
        writeFileSync(file, kept);
      }
    },
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return exited;
    },
  };
  return serving;
}

/** Polls until the condition holds. */
export async function until(condition: () => Promise<boolean> | boolean, timeoutMs = 60_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${condition.toString()}`);
    await sleep(20);
  }
}
