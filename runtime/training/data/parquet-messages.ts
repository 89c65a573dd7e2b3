/** What is asked of the process that reads a parquet file, one question at a time, in this order. */
export type ParquetRequest =
  | { type: 'Open'; path: string }
  /** The next rows. */
  | { type: 'Read'; columns: string[] };

export type ParquetAnswer =
  | { type: 'Opened'; columns: string[] }
  /** The cells of each column. */
  | { type: 'Rows'; cells: ArrayLike<unknown>[] }
  /** There are no more rows. */
  | { type: 'End' }
  | { type: 'Failed'; message: string };
