/** Places where a test ends a process, each once in the life of a step or a checkpoint. */
export type FaultPoint =
  /** A push arrived whole and is not added yet. */
  | 'ServerReceivedPush'
  /** The weights of the next version are computed and nobody can pull them yet. */
  | 'ServerApplying'
  /** A push is added and its sender does not know. */
  | 'ServerBeforeAcknowledging'
  /** A piece of a checkpoint is written and the coordinator does not know. */
  | 'ServerWroteSlice'
  | 'CoordinatorAssigned'
  | 'CoordinatorBeforeManifest'
  | 'CoordinatorAfterManifest'
  | 'CoordinatorBeforeOutcome'
  | 'CoordinatorAfterOutcome';

/** Called at each of them. What it returns is awaited. */
export type Reached<Point extends string = FaultPoint> = (point: Point, step: number) => void | Promise<void>;
