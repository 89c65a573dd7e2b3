import { join } from 'node:path';
import type { Log } from '../../lib/log.ts';
import { modelDeploymentKind } from '../../operator/controllers/kinds.ts';
import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import { keyOf, type KubeObject } from '../../operator/kube/object.ts';
import { readValid } from '../documents.ts';
import { Session } from '../local/session.ts';
import type { Terminal } from '../terminal.ts';

export interface RunOptions {
  log: Log;
  /** Called once every deployment of the files is Ready. */
  onReady?: (session: Session) => Promise<void>;
}

/** `digits-serving-3f9c01ab27-x7k2p` → `digits/x7k2p`: enough to tell the pods of a laptop apart. */
function shortName({ metadata: { name } }: KubeObject): string {
  return name.replace(/-serving-[0-9a-f]+-/, '/');
}

/** A pod's log line for a person: pino's JSON becomes its level and message, anything else stays as it is. */
function readable(line: string): string {
  try {
    const { level, msg, err } = JSON.parse(line) as { level?: string; msg?: string; err?: { message?: string } };
    if (msg === undefined) return line;
    return `${level === 'info' ? '' : `${level ?? ''}: `}${msg}${err?.message === undefined ? '' : `: ${err.message}`}`;
  } catch {
    return line;
  }
}

/** Prints what becomes of each deployment: a line for each new reason or message, and where it answers once Ready. */
function reporter(terminal: Terminal, session: Session): () => void {
  const said = new Map<string, string>();
  return () => {
    for (const object of session.cluster.all(modelDeploymentKind)) {
      const { status, metadata } = object as ModelDeployment;
      const ready = status?.conditions?.find(({ type }) => type === 'Ready');
      if (ready === undefined) continue;
      const text = `${ready.reason}: ${ready.message}`;
      if (said.get(keyOf(object)) === text) continue;
      said.set(keyOf(object), text);
      terminal.print(`${metadata.name} | ${text}`);
      if (ready.status !== 'True' || ready.reason !== 'Ready') continue;
      void session.endpoint(metadata.namespace ?? 'default', metadata.name).then(({ http, grpc }) => {
        terminal.print(`${metadata.name} | REST http://${http}/v2/models/${metadata.name}  gRPC ${grpc}`);
      });
    }
  };
}

/**
 * Runs the files' deployments on this machine until the terminal asks to stop; then nothing is left running.
 *
 * @throws CliError BadFile, InvalidObject, SessionRunning
 */
export async function run(terminal: Terminal, files: string[], { log, onReady }: RunOptions): Promise<void> {
  const documents = await readValid(files, terminal.stdin);
  const session = await Session.start({
    folder: terminal.folder,
    appFolder: join(import.meta.dirname, '..', '..'),
    env: terminal.env,
    seed: process.pid,
    wholeLoopback: process.platform === 'linux',
    log,
    onLine: (pod, line) => terminal.print(`${shortName(pod)} | ${readable(line)}`),
  });
  try {
    const stopped = new Promise<void>((resolve) => {
      if (terminal.stop.aborted) resolve();
      terminal.stop.addEventListener('abort', () => resolve());
    });
    const report = reporter(terminal, session);
    const stopReporting = session.cluster.onChange(modelDeploymentKind, report);
    for (const { object } of documents) await session.apply(object);
    await (onReady === undefined ? stopped : Promise.race([stopped, allReady(session).then(() => onReady(session))]));
    stopReporting();
    terminal.print('stopping');
  } finally {
    await session.stop();
  }
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
