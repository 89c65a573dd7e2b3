/** A file of the data. */
export interface DataFile {
  path: string;
  /** As messages name it. */
  name: string;
}

export interface Column {
  name: string;
  /** What a row holds of it, where the format says so for all rows. */
  shape?: number[];
}

export interface TableRow {
  /** From 1, as a person finds it: the line of jsonl, the row beneath the header of csv, the row of an array. */
  number: number;
  /** A cell for each column that was asked for, in that order: numbers, text, bytes as a Buffer, or arrays of those. */
  cells: ArrayLike<unknown>;
  /** What is wrong with the row as a whole. Its cells mean nothing then. */
  problem?: string;
}

export interface Selection {
  columns: readonly string[];
  /** Rows must hold no others. Only for formats in which each row names its own. */
  exactly: readonly string[] | undefined;
}

/**
 * How files of one format are read. Reading is streamed: memory does not grow with the file.
 * They reject with TrainingFailure of reason InvalidData where the file is not what its name says.
 */
export interface Format {
  /** How columns are named, where that is no matter of course. For messages. */
  naming?: string;
  /** All columns, in order. */
  columns(file: DataFile): Promise<Column[]>;
  /** The rows in order, in blocks. */
  rows(file: DataFile, selection: Selection): AsyncIterable<TableRow[]>;
}
