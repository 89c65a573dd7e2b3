import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { createLog } from '../lib/log.ts';
import { stopSignal } from '../lib/signals.ts';
import { readServingConfig } from './config.ts';
import { exitCodes, ports } from './contract.ts';
import { ConfigurationError } from './errors.ts';
import { sayLastWords } from './last-words.ts';
import { startServing } from './serving/server.ts';

function die(error: unknown): never {
  const bad = error instanceof ConfigurationError;
  sayLastWords(bad ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exit(bad ? exitCodes.badConfiguration : exitCodes.bug);
}

process.on('uncaughtException', die);
process.on('unhandledRejection', die);

// Otherwise tensors, which lie outside of the heap, have V8 collect a small heap as if it had grown by them (ADR 22). A V8 without this flag ignores it.
setFlagsFromString('--external-memory-accounted-in-global-limit');

const stop = stopSignal(process);
const config = (() => {
  try {
    return readServingConfig(process.env);
  } catch (error) {
    return die(error);
  }
})();
const log = createLog('modelyard-runtime', config.logLevel);
const server = await startServing({
  config,
  ports,
  environment: process.env,
  now: () => performance.timeOrigin + performance.now(),
  random: Math.random,
  log,
});
const drain = (): void => void server.drain().then(() => process.exit(exitCodes.ok), die);
// The signal may have come while it started.
if (stop.signal.aborted) drain();
else stop.signal.addEventListener('abort', drain);
