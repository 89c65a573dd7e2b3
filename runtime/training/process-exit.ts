/** The part of `process` that this needs. */
export interface Exiting {
  exit(code: number): never;
  /** Absent on Windows. */
  execve?(file: string, args: readonly string[], env: Record<string, string>): never;
  execPath: string;
}

/**
 * Ends the process with that code, also in the middle of a run: ONNX Runtime aborts a process that exits while a thread runs a graph, but
 * not one that becomes another program, which then exits.
 */
export function exitNow(source: Exiting, code: number, isRunning: boolean): never {
  if (isRunning && source.execve) {
    source.execve(source.execPath, [source.execPath, '--eval', `process.exit(${code})`], {});
  }
  source.exit(code);
}
