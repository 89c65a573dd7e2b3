/** What a command sees of the world: everything that a test would want to replace. */
export interface Terminal {
  /** One or more lines for standard output. */
  print: (text: string) => void;
  /** Text for standard output as it is. */
  write: (text: string) => void;
  /** Shows text below everything printed, in place of what it showed before. Absent where output is no screen. */
  live?: (text: string) => void;
  /** Characters of a line. */
  columns: () => number;
  stdin: AsyncIterable<Buffer | string>;
  now: () => Date;
  /** `.modelyard` of the working directory. */
  folder: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Aborts when the person asks to stop. */
  stop: AbortSignal;
}
