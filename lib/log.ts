import { pino, type DestinationStream, type Logger } from 'pino';

export type Log = Logger;

/** What a log line may weigh at least to be written. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** JSON lines to stdout: `time` in RFC 3339, `level` as a word, `name` of the process, `msg`, and `err` with its stack. */
export function createLog(name: string, level: LogLevel, destination?: DestinationStream): Log {
  return pino(
    {
      name,
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination ?? pino.destination({ fd: 1, sync: true }),
  );
}
