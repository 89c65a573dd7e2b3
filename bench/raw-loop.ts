/** Prints the runs per second of a bare `session.run` loop: `node bench/raw-loop.ts MODEL SHAPE SECONDS` for one FLOAT input `x`. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { closedLoop } from './load.ts';

const [model = '', shape = '', seconds = ''] = process.argv.slice(2);
const dimensions = shape.split('x').map(Number);
const session = await InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
const x = new Tensor('float32', new Float32Array(dimensions.reduce((product, size) => product * size, 1)), dimensions);
console.log(await closedLoop(1, Number(seconds), () => session.run({ x }).then(() => undefined)));
