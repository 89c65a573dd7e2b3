import type { Terminal } from '../terminal.ts';

export interface PredictOptions {
  namespace: string;
}

export async function predict(terminal: Terminal, name: string, options: PredictOptions): Promise<void> {
  await Promise.resolve();
  terminal.print(name + options.namespace);
}
