import { TrainingFailure } from '../../errors.ts';
import { systemCode } from '../../store/errors.ts';

/** The data are not what the spec says. Only other data or another spec help. */
export const invalidData = (message: string): TrainingFailure =>
  new TrainingFailure({ reason: 'InvalidData', message, retrying: false });

export const dataNotFound = (message: string): TrainingFailure =>
  new TrainingFailure({ reason: 'DataNotFound', message, retrying: false });

export const badRows = (message: string): TrainingFailure =>
  new TrainingFailure({ reason: 'BadRows', message, retrying: false });

/** The work folder is full: passes once there is room. */
export const noRoom = (message: string): TrainingFailure =>
  new TrainingFailure({ reason: 'StorageFull', message, retrying: true });

/** A name or text out of the data as a message may hold it: quoted, short, on one line. */
export const shown = (text: string, length = 40): string =>
  JSON.stringify(text.length > length ? `${text.slice(0, length)}…` : text);

const shownNames = 10;

/** Names, the first few. */
export function shownList(names: readonly string[]): string {
  const first = names
    .slice(0, shownNames)
    .map((name) => shown(name))
    .join(', ');
  return names.length > shownNames ? `${first} and ${names.length - shownNames} more` : first;
}

/** An error out of a reader of files: the file's fault, unless the system or our own code says otherwise. */
export function unreadable(file: string, error: unknown): unknown {
  if (error instanceof TrainingFailure || /^E[A-Z0-9]+$/.test(systemCode(error) ?? '')) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return invalidData(`${file} cannot be read: ${shown(reason, 200)}. Is it whole, and what its name says?`);
}
