import type { Row } from './main.ts';
import { accuracy } from './training/accuracy.ts';
import { exchange } from './training/exchange.ts';
import { throughput } from './training/throughput.ts';
import { trajectories } from './training/trajectories.ts';

/** Training beside PyTorch, on the same machine in the same run. */
export async function training(): Promise<Row[]> {
  return [...(await throughput()), ...(await exchange()), ...(await trajectories()), ...(await accuracy())];
}
