import { join } from 'node:path';
import type { Log } from '../../lib/log.ts';
import { modelDeploymentKind } from '../../operator/controllers/kinds.ts';
import { labels } from '../../operator/core/metadata.ts';
import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import { keyOf, type KubeObject } from '../../operator/kube/object.ts';
import { readValid } from '../documents.ts';
import { Session } from '../local/session.ts';
import type { Terminal } from '../terminal.ts';
import { JobWatch } from '../training/job-watch.ts';

export interface RunOptions {
  log: Log;
  /** Show every line that training pods write, not only warnings and errors. */
  verbose?: boolean;
  /** Called once every deployment of the files is Ready; when it resolves, the session ends. */
  onReady?: (session: Session) => Promise<void>;
}

/** `digits-serving-3f9c01ab27-x7k2p` → `digits/x7k2p`: enough to tell the pods of a laptop apart. */
function shortName({ metadata: { name } }: KubeObject): string {
  return name.replace(/-serving-[0-9a-f]+-/, '/');
}

interface LogRecord {
  level?: string;
  msg?: string;
  err?: { message?: string };
}

/** The record of a line that is a JSON object, as our own programs write them. */
function recordIn(line: string): LogRecord | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as LogRecord;
  } catch {
    return undefined;
  }
}

/** A pod's log line for a person: pino's JSON becomes its level and message, anything else stays as it is. */
function readable(line: string): string {
  const { level, msg, err } = recordIn(line) ?? {};
  if (msg === undefined) return line;
  const cause = err?.message === undefined ? '' : `: ${err.message}`;
  return `${level === 'info' ? '' : `${level ?? ''}: `}${msg}${cause}`;
}

/** A line of a job that is no warning: its progress says as much. */
function isChatter({ metadata }: KubeObject, line: string): boolean {
  const record = recordIn(line);
  const isOfJob = metadata.labels?.[labels.job] !== undefined;
  return isOfJob && record !== undefined && !['warn', 'error', 'fatal'].includes(record.level ?? '');
}

/** Prints what becomes of each deployment: a line for each new reason or message, and where it answers once Ready. */
function reporter(terminal: Terminal, session: Session): () => void {
  const said = new Map<string, string>();
  return () => {
    for (const object of session.cluster.all(modelDeploymentKind)) {
      const { status, metadata, spec } = object as ModelDeployment;
      const ready = status?.conditions?.find(({ type }) => type === 'Ready');
      if (ready === undefined) continue;
      const text = `${ready.reason}: ${ready.message}`;
      if (said.get(keyOf(object)) === text) continue;
      said.set(keyOf(object), text);
      terminal.print(`${metadata.name} | ${text}`);
      if (ready.status !== 'True' || ready.reason !== 'Ready') continue;
      void session.endpoint(metadata.namespace ?? 'default', metadata.name).then(({ grpc }) => {
        terminal.print(`${metadata.name} | REST ${status?.url ?? ''}/v2/models/${metadata.name}  gRPC ${grpc}`);
      });
      if (spec.serving.torchServe === undefined) continue;
      void session.torchServe(metadata.namespace ?? 'default', metadata.name).then((address) => {
        terminal.print(`${metadata.name} | TorchServe http://${address}`);
      });
    }
  };
}

/**
 * Runs the files' jobs and deployments on this machine until the terminal asks to stop, or until every job is over and there is no
 * deployment; then nothing is left running.
 *
 * @returns whether every job there was has ended with a model that may be served
 * @throws CliError BadFile, InvalidObject, SessionRunning
 */
export async function run(
  terminal: Terminal,
  files: string[],
  { log, verbose = false, onReady }: RunOptions,
): Promise<boolean> {
  const documents = await readValid(files, terminal.stdin);
  const session = await Session.start({
    folder: terminal.folder,
    appFolder: join(import.meta.dirname, '..', '..'),
    env: terminal.env,
    seed: process.pid,
    wholeLoopback: process.platform === 'linux',
    log,
    onLine: (pod, line) => {
      if (verbose || !isChatter(pod, line)) terminal.print(`${shortName(pod)} | ${readable(line)}`);
    },
  });
  const ended = Promise.withResolvers<undefined>();
  const end = (): void => ended.resolve(undefined);
  let applied = false;
  const endOnceDone = (): void => {
    if (!applied) return;
    const deployments = session.cluster.all(modelDeploymentKind);
    if (jobs.allOver && (deployments.length === 0 || (onReady !== undefined && !jobs.allGood))) end();
  };
  const jobs = new JobWatch(session.cluster, terminal, endOnceDone);
  const stops = [
    session.cluster.onChange(modelDeploymentKind, reporter(terminal, session)),
    session.cluster.onChange(modelDeploymentKind, endOnceDone),
  ];
  try {
    if (terminal.stop.aborted) end();
    terminal.stop.addEventListener('abort', end);
    for (const { object } of documents) await session.apply(object);
    applied = true;
    endOnceDone();
    if (onReady !== undefined)
      void allReady(session)
        .then(() => onReady(session))
        .then(end, ended.reject);
    await ended.promise;
  } finally {
    terminal.stop.removeEventListener('abort', end);
    for (const stop of stops) stop();
    await jobs.stop();
    terminal.print('stopping');
    await session.stop();
  }
  return jobs.allGood;
}

/** Resolves once every deployment is Ready. */
function allReady(session: Session): Promise<void> {
  const isReady = (object: KubeObject): boolean => {
    const { status, metadata } = object as ModelDeployment;
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    return ready?.status === 'True' && status?.observedGeneration === metadata.generation;
  };
  return new Promise((resolve) => {
    const look = (): void => {
      if (!session.cluster.all(modelDeploymentKind).every(isReady)) return;
      stop();
      resolve();
    };
    const stop = session.cluster.onChange(modelDeploymentKind, look);
    look();
  });
}
