const mebi = 1024 * 1024;

/** What data may ask of the process that prepares them. Beyond it they are refused, whatever memory there is. */
export const limits = {
  /** Bytes of a line of jsonl, and characters of a row of csv. */
  rowLength: 32 * mebi,
  /** Numbers in a row: 64 MiB of them. */
  rowValues: 16 * mebi,
  columns: 262_144,
  /** Brackets within brackets, in a value. */
  nesting: 32,
  /** Arrays and objects in a line. */
  containers: 1_000_000,
  classes: 65_536,
  /** Characters of a class's name. */
  classNameLength: 256,
  /** Bytes of an encoded image. */
  imageBytes: 64 * mebi,
  /** Arrays of an npz file that are read side by side. */
  arrays: 1_024,
} as const;
