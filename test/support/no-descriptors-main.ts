import { openSync } from 'node:fs';
import { createLog } from '../../lib/log.ts';
import { ModelChild } from '../../runtime/serving/model-child-handle.ts';

/** Begins a model process where this one may open no more files, and says what came of it. */

const log = createLog('test', 'silent');
try {
  for (;;) openSync('/dev/null', 'r');
} catch {
  // None is left.
}
const child = new ModelChild(log, process.env);
const message = { modelPath: '', directory: '', task: '', warmup: false, batching: false, threads: 1 } as const;
const loading = child
  .load({ ...message, executionProvider: 'cpu' }, () => undefined)
  .then(
    () => 'loaded',
    (error: unknown) => String(error),
  );
const { alive } = child;
child.kill();
await child.started;
process.stdout.write(JSON.stringify({ alive, loading: await loading, exited: await child.exited }));
