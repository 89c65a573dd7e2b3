/** Places where a test ends a worker, each once in the life of a step. */
export type WorkerFaultPoint =
  /** A node of the sum tree is computed, and no server has it. */
  | 'WorkerBeforePush'
  /** All servers have a node. */
  | 'WorkerAfterPush';
