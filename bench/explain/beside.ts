import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { servingEnv } from '../../runtime/contract.ts';
import { normal } from '../../runtime/numeric/random.ts';
import type { Row } from '../main.ts';
import { withOwnServer } from '../own-server.ts';
import { quantile } from '../statistics.ts';

const host = '127.0.1.4';
const name = 'bench';
const seconds = 10;
const rounds = 3;

/** Asks one request after the other for a while. Milliseconds of each. */
async function asked(request: () => Promise<void>, over: AbortSignal): Promise<number[]> {
  const durations: number[] = [];
  while (!over.aborted) {
    const begin = performance.now();
    await request();
    durations.push(performance.now() - begin);
  }
  return durations;
}

/**
 * What predictions of a model take while another client has one explanation after the other made of the same model, beside what they take alone.
 *
 * @param model FLOAT [n, features]
 */
export async function besideRows(model: Uint8Array, features: number, backgroundRows: number): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-bench-'));
  await writeFile(join(folder, 'model.onnx'), model);
  const settings = {
    [servingEnv.modelName]: name,
    [servingEnv.modelUri]: pathToFileURL(join(folder, 'model.onnx')).href,
    [servingEnv.cacheDir]: join(folder, 'cache'),
  };
  try {
    return await withOwnServer(host, settings, ({ url }) => rowsBeside(url, features, backgroundRows));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function rowsBeside(url: string, features: number, backgroundRows: number): Promise<Row[]> {
  const tensor = (input: string, rows: number): object => ({
    name: input,
    shape: [rows, features],
    datatype: 'FP32',
    data: [...normal(5, [input], rows * features)],
  });
  const post = async (verb: string, body: string): Promise<void> => {
    const answer = await fetch(`${url}/v2/models/${name}/${verb}`, { method: 'POST', body });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${verb}: ${answer.status} ${text.slice(0, 300)}`);
  };
  const prediction = JSON.stringify({ inputs: [tensor('x', 1)] });
  const predict = (): Promise<void> => post('infer', prediction);
  const methods = {
    KernelSHAP: { parameters: { method: 'kernel_shap' }, background: [tensor('x', backgroundRows)] },
    LIME: { parameters: { method: 'lime' }, background: [tensor('x', 1_000)] },
  };
  const rows: Row[] = [];
  for (const [method, asking] of Object.entries(methods)) {
    const explanation = JSON.stringify({ inputs: [tensor('x', 1)], ...asking });
    const explain = (): Promise<void> => post('explain', explanation);
    await explain();
    const [alone, beside, explained]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round < rounds; round++) {
      alone.push(...(await asked(predict, AbortSignal.timeout(seconds * 1_000))));
      const over = AbortSignal.timeout(seconds * 1_000);
      const [predictions, explanations] = await Promise.all([asked(predict, over), asked(explain, over)]);
      beside.push(...predictions);
      explained.push(...explanations);
    }
    for (const share of [0.5, 0.99]) {
      rows.push({
        what: `a prediction's p${share * 100} beside ${explained.length} explanations by ${method}, ${features} features`,
        unit: 'ms',
        ours: quantile(beside, share),
        reference: quantile(alone, share),
        referenceName: 'alone',
      });
    }
  }
  return rows;
}
