import { exitNow } from '../../runtime/training/process-exit.ts';
import type { GradientTask } from '../../runtime/training/worker/engine-messages.ts';
import { Engine } from '../../runtime/training/worker/engine.ts';
import { handMadeGraph, plainDescent } from './training-graphs.ts';

/** Exits with the code of its argument while a thread of the engine is in a run of a second or more. */

const rows = 40_000;
const graph = handMadeGraph({ width: 784, hidden: 512 });
const engine = new Engine(1, 'cpu');
await engine.load(graph, plainDescent);
const parameters = engine.allocate(graph.layout.total);
const task = (): GradientTask => ({
  parameters,
  step: 0,
  seed: 1,
  rowWeight: 1 / rows,
  leaves: [
    {
      shard: 0,
      rows: {
        count: rows,
        inputs: new Map([['features', { data: new Float32Array(rows * 784), shape: [rows, 784] }]]),
        labels: { data: new BigInt64Array(rows), shape: [rows] },
      },
    },
  ],
});
// The first time tells how long it takes; the second time it is left in the middle.
const began = performance.now();
await engine.gradient(task());
const halfMs = (performance.now() - began) / 2;
let isDone = false;
void engine.gradient(task()).then(() => (isDone = true));
setTimeout(() => {
  if (!isDone && engine.isRunning) process.stdout.write('in the middle of a run\n');
  exitNow(process, Number(process.argv[2]), engine.isRunning);
}, halfMs);
