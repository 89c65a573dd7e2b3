import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { encodeTensor } from '../../lib/tensor-codec.ts';
import { initializer, onnxModel } from '../support/onnx-builder.ts';
import { sumAndDifferenceModel } from '../support/models.ts';
import { startServingProcess, until, type ServingProcess } from '../support/serving.ts';
import { tokenModel, wordTokenizer } from '../support/text-models.ts';

interface WireTensor {
  name: string;
  shape: number[];
  datatype: string;
  data: (number | string)[];
}

interface Answer {
  status: number;
  error?: string;
  id?: string;
  parameters?: Record<string, unknown>;
  outputs: Record<string, WireTensor>;
}

async function explain(serving: ServingProcess, body: unknown, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${serving.url}/v2/models/model/explain`, {
    method: 'POST',
    body: JSON.stringify(body),
    ...init,
  });
  const json = (await response.json()) as { outputs?: WireTensor[] };
  const outputs = Object.fromEntries((json.outputs ?? []).map((output) => [output.name, output]));
  return { ...json, status: response.status, outputs };
}

const floats = (shape: number[], data: number[]): object => ({ name: 'x', datatype: 'FP32', shape, data });

/** y = x · w, FLOAT [n, 3] to FLOAT [n, 2]. */
const weights = [
  [1, -2],
  [0.5, 0],
  [3, 4],
];
const linearModel = onnxModel({
  nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
  initializers: [initializer.float('w', weights.flat(), [3, 2])],
  inputs: [{ name: 'x', type: 'FLOAT', shape: ['n', 3] }],
  outputs: [{ name: 'y', type: 'FLOAT', shape: ['n', 2] }],
});

describe('rows of numbers', () => {
  let serving: ServingProcess;
  beforeAll(async () => {
    serving = startServingProcess({ files: { 'model.onnx': linearModel } });
    await serving.ready();
  });
  afterAll(() => serving.stop());

  const instances = [
    [1, 2, 3],
    [-1, 0, 5],
  ];
  const background = [
    [0, 0, 0],
    [2, 4, 2],
  ];
  const request = {
    inputs: [floats([2, 3], instances.flat())],
    background: [floats([2, 3], background.flat())],
  };
  /** Of a linear model: the weight times how far the feature is from its mean. */
  const exact = instances.map((row) =>
    row.map((value, feature) => (weights[feature] ?? []).map((weight) => weight * (value - (feature === 1 ? 2 : 1)))),
  );

  test('of a linear model are explained exactly, and add up to what it predicts', async () => {
    const { status, id, parameters, outputs } = await explain(serving, { ...request, id: 'mine' });
    expect(status).toBe(200);
    expect(id).toBe('mine');
    expect(parameters).toMatchObject({ method: 'kernel_shap', seed: 0 });
    const { attributions, base_values: base, predictions, output_indices: indices, additivity_error: error } = outputs;
    expect(attributions).toMatchObject({ datatype: 'FP64', shape: [2, 3, 2] });
    (attributions?.data ?? []).forEach((value, index) => {
      expect(value).toBeCloseTo(exact.flat(2)[index] ?? NaN, 6);
    });
    expect(base).toMatchObject({ shape: [2, 2], data: [5, 2, 5, 2] });
    expect(predictions?.data).toEqual([11, 10, 14, 22]);
    expect(indices).toMatchObject({ datatype: 'INT32', data: [0, 1, 0, 1] });
    for (const value of error?.data ?? []) expect(Number(value)).toBeLessThan(1e-6);
  });

  test('are explained the same by the first version of the protocol', async () => {
    const response = await fetch(`${serving.url}/v1/models/model:explain`, {
      method: 'POST',
      body: JSON.stringify({ instances, background, parameters: { outputs: [1] } }),
    });
    expect(response.status).toBe(200);
    const { explanations, method } = (await response.json()) as {
      explanations: { attributions: number[][]; predictions: number[]; output_indices: number[] }[];
      method: string;
    };
    expect(method).toBe('kernel_shap');
    explanations.forEach(({ attributions, output_indices: indices }, row) => {
      expect(indices).toEqual([1]);
      attributions.forEach(([value], feature) => {
        expect(value).toBeCloseTo(exact[row]?.[feature]?.[1] ?? NaN, 6);
      });
    });
  });

  test('may come and go as binary data', async () => {
    const head = Buffer.from(
      JSON.stringify({
        parameters: { binary_data_output: true, top_outputs: 1 },
        inputs: [{ name: 'x', datatype: 'FP32', shape: [2, 3], parameters: { binary_data_size: 24 } }],
        background: [{ name: 'x', datatype: 'FP32', shape: [2, 3], parameters: { binary_data_size: 24 } }],
      }),
    );
    const data = [instances, background].map((rows) => encodeTensor('FP32', Float32Array.from(rows.flat())));
    const response = await fetch(`${serving.url}/v2/models/model/explain`, {
      method: 'POST',
      headers: { 'inference-header-content-length': String(head.byteLength) },
      body: Buffer.concat([head, ...data]),
    });
    expect(response.status).toBe(200);
    const body = Buffer.from(await response.arrayBuffer());
    const length = Number(response.headers.get('inference-header-content-length'));
    const { outputs } = JSON.parse(body.subarray(0, length).toString()) as { outputs: WireTensor[] };
    expect(outputs[0]).toMatchObject({ name: 'attributions', shape: [2, 3, 1], parameters: { binary_data_size: 48 } });
    // Of the first instance the highest output is 0.
    expect(body.readDoubleLE(length)).toBeCloseTo(exact[0]?.[0]?.[0] ?? NaN, 6);
  });

  test('are explained within a timeout that is no whole number of milliseconds, again and again', async () => {
    for (let times = 0; times < 4; times++) {
      const { status } = await explain(serving, { ...request, parameters: { timeout: 9_000_001 } });
      expect(status).toBe(200);
      expect((await explain(serving, request, { headers: { 'request-timeout': '8.0005' } })).status).toBe(200);
    }
  });

  test('are explained by LIME too, with what each coefficient is about, and the same for the same seed', async () => {
    const many = Array.from({ length: 60 }, (_, index) => [index % 7, index % 5, index % 3]);
    const body = {
      ...request,
      background: [floats([60, 3], many.flat())],
      parameters: { method: 'lime', seed: 7, samples: 500, outputs: '0', lime_features: 2 },
    };
    const first = await explain(serving, body);
    expect(first.status).toBe(200);
    expect(first.outputs.conditions).toMatchObject({ datatype: 'BYTES', shape: [2, 3] });
    expect(first.outputs.local_scores?.shape).toEqual([2, 1]);
    expect(await explain(serving, body)).toEqual(first);
  });

  test.each([
    ['an unknown parameter', { parameters: { nsamples: 5 } }, /^parameters: "nsamples" is unknown; known are method/],
    ['an unknown method', { parameters: { method: 'magic' } }, /^method: must be one of kernel_shap, lime/],
    ['a text for a number', { parameters: { samples: 'many' } }, /^parameters\.samples: must be a number/],
    ['broken indices', { parameters: { outputs: '0,x' } }, /^parameters\.outputs: must be whole numbers/],
    ['an output that is not there', { parameters: { output: 'z' } }, /^parameters\.output: must name one of .*"y"/],
    ['no background', { background: undefined }, /^background: must hold one FP32 tensor \[rows, 3\]/],
    ['a narrow background', { background: [floats([1, 2], [1, 2])] }, /^background: must hold/],
    ['a wrong input', { inputs: [floats([1, 2], [1, 2])] }, /^inputs\[0\]\.shape: "x" takes/],
    [
      'too many instances',
      { inputs: [floats([65, 3], new Array<number>(195).fill(1))] },
      /^inputs: has 65 instances; at most 64/,
    ],
    ['a wrong field', { instances: [] }, /^body: has the unknown field "instances"/],
    ['too many samples', { parameters: { samples: 1e9 } }, /^samples of 3 features: must be a whole number/],
  ])('with %s are refused with the field', async (_, change, message) => {
    const { status, error } = await explain(serving, { ...request, ...change });
    expect(status).toBe(400);
    expect(error).toMatch(message);
  });
});

test('two explanations of a model go on at a time, and one whose client left ends', async () => {
  const width = 20;
  const serving = startServingProcess({
    files: {
      'model.onnx': onnxModel({
        nodes: [{ op: 'ReduceMax', inputs: ['x'], outputs: ['y'], attributes: [{ name: 'axes', ints: [1] }] }],
        inputs: [{ name: 'x', type: 'FLOAT', shape: ['n', width] }],
        outputs: [{ name: 'y', type: 'FLOAT', shape: ['n', 1] }],
      }),
    },
  });
  try {
    await serving.ready();
    const rows = (count: number): object =>
      floats(
        [count, width],
        Array.from({ length: count * width }, (_, index) => (index * 7) % 11),
      );
    const long = { inputs: [rows(10)], background: [rows(40)], parameters: { samples: 2_000 } };
    const executions = async (): Promise<number> => {
      const { model_stats: stats } = (await (await fetch(`${serving.url}/v2/models/model/stats`)).json()) as {
        model_stats: { execution_count: number }[];
      };
      return stats[0]?.execution_count ?? 0;
    };
    const left = new AbortController();
    const going = [1, 2].map(() =>
      explain(serving, long, { signal: left.signal }).catch((error: unknown) => error as Error),
    );
    const before = await executions();
    await until(async () => (await executions()) > before + 10);
    const { status, error } = await explain(serving, long);
    expect(status).toBe(429);
    expect(error).toMatch(/2 explanations of this model go on/);
    const prediction = await fetch(`${serving.url}/v2/models/model/infer`, {
      method: 'POST',
      body: JSON.stringify({ inputs: [rows(1)] }),
    });
    expect(prediction.status).toBe(200);
    left.abort();
    expect((await Promise.all(going)).map((answer) => (answer as Error).name)).toEqual(['AbortError', 'AbortError']);
    await until(async () => (await fetch(`${serving.url}/v2/models/model/stats`)).ok);
    const ended = await executions();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await executions()) - ended).toBeLessThanOrEqual(2);
    const short = { ...long, inputs: [rows(1)], background: [rows(1)], parameters: { samples: 100 } };
    expect((await explain(serving, short)).status).toBe(200);
  } finally {
    await serving.stop();
  }
});

test('columns are features, in the order of the model, whatever their order in the request', async () => {
  const column = (name: string) => ({ name, type: 'FLOAT' as const, shape: ['n'] });
  const serving = startServingProcess({
    files: {
      'model.onnx': onnxModel({
        nodes: [{ op: 'Sub', inputs: ['width', 'height'], outputs: ['value'] }],
        inputs: [column('width'), column('height')],
        outputs: [column('value')],
      }),
    },
  });
  try {
    await serving.ready();
    const rows = (width: number, height: number): object[] => [
      { name: 'height', datatype: 'FP32', shape: [1], data: [height] },
      { name: 'width', datatype: 'FP32', shape: [1], data: [width] },
    ];
    const { status, outputs } = await explain(serving, { inputs: rows(5, 2), background: rows(1, 1) });
    expect(status).toBe(200);
    expect(outputs.attributions?.shape).toEqual([1, 2, 1]);
    const [width, height] = outputs.attributions?.data ?? [];
    expect(width).toBeCloseTo(4, 6);
    expect(height).toBeCloseTo(-1, 6);
    const { error } = await explain(serving, { inputs: rows(5, 2), background: rows(1, 1).slice(1) });
    expect(error).toMatch(/^background: must hold "height" as FP32 \[rows\]/);
  } finally {
    await serving.stop();
  }
});

test('texts are explained by their words, by the names of labels', async () => {
  const words = ['good', 'bad', 'film'];
  const table = [...new Array<number[]>(4).fill([0, 0]), [2, 0], [0, 2], [0, 0]];
  const serving = startServingProcess({
    files: {
      'model.onnx': tokenModel({ table, sums: true, output: 'logits' }),
      ...wordTokenizer(words),
      'config.json': JSON.stringify({ id2label: { 0: 'positive', 1: 'negative' } }),
    },
    settings: { task: 'TextClassification' },
  });
  try {
    await serving.ready();
    const text = { name: 'text', datatype: 'BYTES', shape: [2], data: ['a good film', 'bad'] };
    for (const method of ['kernel_shap', 'lime']) {
      const { status, outputs } = await explain(serving, { inputs: [text], parameters: { method, samples: 200 } });
      expect(status).toBe(200);
      expect(outputs.output_labels?.data).toEqual(['negative', 'positive', 'negative', 'positive']);
      const found = (outputs.words?.data ?? []).map((item) =>
        item === '' ? '' : (JSON.parse(String(item)) as { word: string }).word,
      );
      expect(found).toEqual(['a', 'good', 'film', 'bad', '', '']);
      const attributions = (outputs.attributions?.data ?? []) as number[];
      const of = (row: number, word: number, output: number): number =>
        attributions[(row * 3 + word) * 2 + output] ?? NaN;
      expect(of(0, 1, 1)).toBeGreaterThan(0.2);
      expect(of(0, 1, 0)).toBeLessThan(-0.2);
      expect(Math.abs(of(0, 0, 1))).toBeLessThan(0.05);
      // LIME shrinks the only word of a text.
      expect(of(1, 0, 0)).toBeGreaterThan(method === 'lime' ? 0.01 : 0.2);
      expect([of(1, 1, 0), of(1, 2, 1)]).toEqual([0, 0]);
    }
    const { error } = await explain(serving, { inputs: [text], background: [text] });
    expect(error).toMatch(/^background: is for rows of numbers alone/);
  } finally {
    await serving.stop();
  }
});

test('images are explained by regions, whether their channels come first or last', async () => {
  /** The sum of the left half, of the mean over the channels: FLOAT [n, 32, 32, 3] or [n, 3, 32, 32] to [n, 1]. */
  const side = 32;
  const isLeft = (pixel: number): number => (pixel % side < side / 2 ? 0.01 : 0);
  const model = (first: boolean): Uint8Array => {
    const size = side * side * 3;
    const column = Array.from({ length: size }, (_, index) =>
      isLeft(first ? index % (side * side) : Math.floor(index / 3)),
    );
    return onnxModel({
      nodes: [
        { op: 'Flatten', inputs: ['x'], outputs: ['flat'] },
        { op: 'MatMul', inputs: ['flat', 'w'], outputs: ['y'] },
      ],
      initializers: [initializer.float('w', column, [size, 1])],
      inputs: [{ name: 'x', type: 'FLOAT', shape: first ? ['n', 3, side, side] : ['n', side, side, 3] }],
      outputs: [{ name: 'y', type: 'FLOAT', shape: ['n', 1] }],
    });
  };
  /** Four quarters, each of one colour. */
  const colour = (pixel: number, channel: number): number => {
    const quarter = (pixel % side < side / 2 ? 0 : 1) + (Math.floor(pixel / side) < side / 2 ? 0 : 2);
    return ([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]][quarter] ?? [])[channel] ?? 0; // prettier-ignore
  };
  const sums: number[] = [];
  for (const first of [true, false]) {
    const serving = startServingProcess({ files: { 'model.onnx': model(first) } });
    try {
      await serving.ready();
      const plane = side * side;
      const data = Array.from({ length: plane * 3 }, (_, index) =>
        first ? colour(index % plane, Math.floor(index / plane)) : colour(Math.floor(index / 3), index % 3),
      );
      const shape = first ? [1, 3, side, side] : [1, side, side, 3];
      const { status, outputs } = await explain(serving, {
        inputs: [floats(shape, data)],
        parameters: { white: 1, samples: 64 },
      });
      expect(status).toBe(200);
      expect(outputs.segments?.shape).toEqual([1, plane]);
      const error = Number(outputs.additivity_error?.data[0]);
      expect(error).toBeLessThan(1e-6);
      sums.push(Number(outputs.predictions?.data[0]));
    } finally {
      await serving.stop();
    }
  }
  expect(sums[0]).toBeCloseTo(sums[1] ?? NaN, 4);
});

test('a model with several inputs is refused, and says what it takes', async () => {
  const serving = startServingProcess({ files: { 'model.onnx': sumAndDifferenceModel() } });
  try {
    await serving.ready();
    const input = (name: string): object => ({ name, datatype: 'FP32', shape: [1, 2], data: [1, 2] });
    const { status, error } = await explain(serving, { inputs: [input('a'), input('b')] });
    expect(status).toBe(400);
    expect(error).toMatch(
      /^inputs: explained can be one FP32 input .*this model takes a FP32 \[-1,2\], b FP32 \[-1,2\]/,
    );
  } finally {
    await serving.stop();
  }
});
