import { InferenceSession, Tensor } from 'onnxruntime-node';

/** A float32 tensor of some shape. */
export interface Values {
  data: Float32Array;
  shape: readonly number[];
}

/** What an ONNX model of one output makes of its inputs, in ONNX Runtime. */
export async function runModel(bytes: Uint8Array, inputs: Readonly<Record<string, Values>>): Promise<Values> {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  try {
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([name, { data, shape }]) => [name, new Tensor('float32', data, shape)]),
    );
    const [output] = Object.values(await session.run(feeds));
    if (!output) throw new Error('no output');
    return { data: output.data as Float32Array, shape: output.dims };
  } finally {
    await session.release();
  }
}
