/** `node bench/serving/raw-loop.ts MODEL SHAPE SECONDS`: a bare `session.run` loop with one FLOAT input `x`. Prints a Measurement as JSON. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { quantile } from '../statistics.ts';
import type { Measurement } from './turns.ts';

const [model = '', shape = '', seconds = ''] = process.argv.slice(2);
const dimensions = shape.split('x').map(Number);
const session = await InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
const x = new Tensor('float32', new Float32Array(dimensions.reduce((product, size) => product * size, 1)), dimensions);
for (let warmUp = 0; warmUp < 10; warmUp++) await session.run({ x });
const takenMs: number[] = [];
const cpuBefore = process.cpuUsage();
const begin = performance.now();
const end = begin + Number(seconds) * 1_000;
let now = begin;
while (now < end) {
  await session.run({ x });
  const then = now;
  now = performance.now();
  takenMs.push(now - then);
}
const cpu = process.cpuUsage(cpuBefore);
const measurement: Measurement = {
  requestsPerSecond: takenMs.length / ((now - begin) / 1_000),
  p50Ms: quantile(takenMs, 0.5),
  p99Ms: quantile(takenMs, 0.99),
  cpuUs: (cpu.user + cpu.system) / takenMs.length,
};
console.log(JSON.stringify(measurement));
