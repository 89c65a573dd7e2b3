import { spawn, type ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const redirect = new URL('../support/report-redirect.ts', import.meta.url).href;
const ownRoot = fileURLToPath(new URL('../../', import.meta.url));

export interface OperatorProcessOptions {
  /** Path. */
  kubeconfig: string;
  /** The one it watches. */
  namespace: string;
  /** Answers for pods, see report-redirect.ts. */
  reports: string;
  log: string;
  /** The tree whose operator/main.ts runs. Default: this one. */
  root?: string;
}

/**
 * operator/main.ts in a process of its own. Leader election is off: a lease would only keep its successor waiting; it has
 * tests of its own.
 */
export class OperatorProcess {
  readonly #options: OperatorProcessOptions;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #isWanted = false;
  /** It ended by itself so often. */
  crashes = 0;

  constructor(options: OperatorProcessOptions) {
    this.#options = options;
  }

  start(): void {
    const { kubeconfig, namespace, reports, log, root = ownRoot } = this.#options;
    const output = openSync(log, 'a');
    const flags = {
      kubeconfig,
      'watch-namespaces': namespace,
      'runtime-image': 'modelyard.test/runtime:v1',
      'leader-election': 'false',
      'admin-port': '0',
      'log-level': 'info',
    };
    const child = spawn(
      process.execPath,
      [
        ...['--disable-warning=ExperimentalWarning', '--import', redirect, 'operator/main.ts'],
        ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
      ],
      { cwd: root, env: { ...process.env, MODELYARD_TEST_REPORTS: reports }, stdio: ['pipe', output, output] },
    );
    this.#isWanted = true;
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => {
        if (this.#isWanted && this.#child === child) this.crashes += 1;
        resolve();
      });
    });
  }

  /** SIGKILL; resolves when it has ended. */
  async kill(): Promise<void> {
    this.#isWanted = false;
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }
}
