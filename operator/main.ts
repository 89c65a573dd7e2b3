import { hostname } from 'node:os';
import { createLog, type Log } from '../lib/log.ts';
import { stopSignal } from '../lib/signals.ts';
import { startTracing } from '../lib/tracing.ts';
import { exitCodes } from '../runtime/contract.ts';
import { helpText, readConfig, type OperatorConfig } from './config.ts';
import { OperatorConfigError } from './errors.ts';
import { HttpClient } from './kube/http-client.ts';
import { connect } from './kube/kube-config.ts';
import { createOperator } from './operator.ts';

/** Runs the operator against a cluster until a signal ends it. @returns the exit code */
async function run(config: OperatorConfig, log: Log): Promise<number> {
  const { signal, dispose } = stopSignal(process);
  const source = config.kubeconfig === undefined ? {} : { path: config.kubeconfig };
  const client = new HttpClient(await connect(source), { fieldManager: 'modelyard' });
  const tracing =
    config.tracing &&
    (await startTracing(
      {
        ...config.tracing,
        serviceName: 'modelyard-operator',
        attributes: { 'service.namespace': config.namespace, 'service.instance.id': config.instance },
      },
      log,
    ));
  const leaseClient = new HttpClient(await connect(source), { fieldManager: 'modelyard', requestTimeoutMs: 5_000 });
  try {
    const options = { client, leaseClient, config, fetchReport: fetch, log, processMetrics: true, tracing };
    await createOperator(options).run(signal);
    return exitCodes.ok;
  } catch (error) {
    log.fatal({ err: error }, 'the operator ends');
    return exitCodes.bug;
  } finally {
    dispose();
    await Promise.all([client.close(), leaseClient.close(), tracing?.stop()]);
  }
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(helpText());
    return exitCodes.ok;
  }
  try {
    const config = readConfig(args, process.env, hostname());
    return await run(config, createLog('operator', config.logLevel));
  } catch (error) {
    if (!(error instanceof OperatorConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return exitCodes.badConfiguration;
  }
}

// Whatever still holds a connection must not keep a process that no longer leads.
process.exit(await main(process.argv.slice(2)));
