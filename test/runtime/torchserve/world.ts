/** Serving processes with the port for TorchServe's calls, and calls to them. */
import { expect } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { adminPaths, ports, type TorchServeToken } from '../../../runtime/contract.ts';
import { sumAndDifferenceModel } from '../../support/models.ts';
import { startServingProcess, type ServingProcess, type ServingSetup } from '../../support/serving.ts';

export const tokens = { inference: 'token-of-inference', management: 'token-of-management' } as const;

export interface World extends ServingProcess {
  /** Where the tokens are. */
  tokenFolder: string;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
}

export interface CallOptions {
  /** Absent: none. */
  token?: TorchServeToken;
  headers?: Record<string, string | string[]>;
  body?: string | Uint8Array;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  json: unknown;
}

/** The path goes as it is: fetch would mend it. */
async function call(host: string, method: string, path: string, options: CallOptions = {}): Promise<Answer> {
  const { token, headers = {}, body } = options;
  const authorization = token && { authorization: `Bearer ${tokens[token]}` };
  const sent = request({ host, port: ports.torchServe, method, path, headers: { ...authorization, ...headers } });
  const answer = await new Promise<Answer>((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', (response) => {
      buffer(response).then((bytes) => {
        const text = bytes.toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: jsonIn(text) });
      }, reject);
    });
    sent.end(body);
  });
  return answer;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

type Setup = Omit<ServingSetup, 'files'> & { files?: ServingSetup['files']; secret?: Record<string, string> };

function withTokens(setup: Setup, settings: ServingSetup['settings']): World {
  const { secret = tokens, files = { 'model.onnx': sumAndDifferenceModel() }, ...others } = setup;
  const tokenFolder = mkdtempSync(join(tmpdir(), 'modelyard-tokens-'));
  for (const [name, text] of Object.entries(secret)) writeFileSync(join(tokenFolder, name), text);
  const serving = startServingProcess({
    ...others,
    files,
    settings: { torchServeTokenDir: tokenFolder, ...settings, ...others.settings },
  });
  return {
    ...serving,
    tokenFolder,
    call: (method, path, options) => call(serving.host, method, path, options),
    stop: async (signal) => {
      const code = await serving.stop(signal);
      rmSync(tokenFolder, { recursive: true });
      return code;
    },
  };
}

/** As on a laptop. */
export const startLaptop = (setup: Setup = {}): World => withTokens(setup, {});

/** As in a pod that the operator made: the spec names a model on a volume. */
export function startClusterPod(setup: Setup = {}): World {
  const volumes = mkdtempSync(join(tmpdir(), 'modelyard-volumes-'));
  mkdirSync(join(volumes, 'models'));
  writeFileSync(join(volumes, 'models', 'model.onnx'), sumAndDifferenceModel());
  const world = withTokens(setup, {
    allowFileUris: 'false',
    volumesDir: volumes,
    modelUri: 'pvc://models/model.onnx',
  });
  return {
    ...world,
    stop: async (signal) => {
      const code = await world.stop(signal);
      rmSync(volumes, { recursive: true });
      return code;
    },
  };
}

/** What the port has counted so far of calls that were refused. */
export async function refusals({ admin }: ServingProcess): Promise<number> {
  const text = await (await fetch(`${admin}${adminPaths.metrics}`)).text();
  return text
    .split('\n')
    .filter((line) => /^modelyard_torchserve_requests_total\{.*status="[45]\d\d"/.test(line))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** The shape of TorchServe's errors. */
export const failure = (code: number, type: string): object => ({
  code,
  type,
  message: expect.stringMatching(/./) as unknown,
});
