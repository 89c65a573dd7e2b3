import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { CliError } from './errors.ts';
import { type ControlAnswers, type ControlRequest, logsPath } from './local/control.ts';
import type { LogQuery } from './local/pod-logs.ts';

/** The session that runs in a folder: who it is, and where it listens. */
export interface SessionFile {
  pid: number;
  socket: string;
}

export const sessionFile = (folder: string): string => join(folder, 'session.json');

/** The session that answers in this folder; undefined where none does. */
export async function runningSession(folder: string): Promise<SessionFile | undefined> {
  let text: string;
  try {
    text = await readFile(sessionFile(folder), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const session = JSON.parse(text) as SessionFile;
  return (await answers(session.socket)) ? session : undefined;
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', () => resolve(false));
  });
}

async function sessionOf(folder: string): Promise<SessionFile> {
  const session = await runningSession(folder);
  if (session !== undefined) return session;
  throw new CliError('NoSession', `no laptop session runs in ${folder}; start one with: modelyard run -f FILE`);
}

/** Asks the running session. @throws CliError NoSession, and whatever the session refuses */
export async function ask<R extends ControlRequest>(folder: string, question: R): Promise<ControlAnswers[R['method']]> {
  const { socket } = await sessionOf(folder);
  const { status, text } = await post(socket, JSON.stringify(question));
  if (status === 200) return JSON.parse(text) as ControlAnswers[R['method']];
  throw refused(text);
}

const refused = (body: string): CliError =>
  new CliError('Refused', (JSON.parse(body) as { error: { message: string } }).error.message);

function post(socketPath: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method: 'POST', path: '/', agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end(body);
  });
}

/**
 * Lines of pods: those there are, and with `follow` those to come, until the session ends or the signal aborts.
 *
 * @throws CliError NoSession, Refused
 */
export async function readLogs(
  folder: string,
  { namespace, name, kind, follow }: LogQuery & { follow: boolean },
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { socket: socketPath } = await sessionOf(folder);
  const about = { namespace, name, ...(kind === undefined ? {} : { kind }), follow: String(follow) };
  const path = `${logsPath}?${new URLSearchParams(about).toString()}`;
  const call = request({ socketPath, path, agent: false, signal }).end();
  try {
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    response.setEncoding('utf8');
    let refusal = '';
    for await (const text of response as AsyncIterable<string>) {
      if (response.statusCode === 200) write(text);
      else refusal += text;
    }
    if (response.statusCode !== 200) throw refused(refusal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
