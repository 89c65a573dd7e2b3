import { performance } from 'node:perf_hooks';
import { writeFileSync } from 'node:fs';
import { createLog } from '../lib/log.ts';
import { stopSignal } from '../lib/signals.ts';
import { readServingConfig } from './config.ts';
import { exitCodes, ports } from './contract.ts';
import { ConfigurationError } from './errors.ts';
import { startServing } from './serving/server.ts';

/** Why the process ends, where the kubelet and, through it, the operator find it. */
function explain(message: string): void {
  process.stderr.write(`${message}\n`);
  try {
    writeFileSync('/dev/termination-log', message.slice(0, 4096), { flag: 'r+' });
  } catch {
    process.stderr.write('there is no termination log here\n');
  }
}

function die(error: unknown): never {
  const bad = error instanceof ConfigurationError;
  explain(bad ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exit(bad ? exitCodes.badConfiguration : exitCodes.bug);
}

process.on('uncaughtException', die);
process.on('unhandledRejection', die);

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
stop.signal.addEventListener('abort', () => {
  void server.drain().then(() => process.exit(exitCodes.ok), die);
});
