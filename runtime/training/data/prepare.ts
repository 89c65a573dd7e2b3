import type { DataSpec, TrainingJobFile } from '../../training-contract.ts';
import { BadRows } from './bad-rows.ts';
import { chooseColumns } from './columns.ts';
import { invalidData, shown, shownList } from './data-failure.ts';
import type { DataFiles } from './data-files.ts';
import { ImageReader, type Image } from './images.ts';
import { RowEncoder, type RowLayout } from './row-encoder.ts';
import { RowFileWriter, type RowFile } from './row-file.ts';
import type { Column, DataFile, Selection, TableRow } from './table.ts';

export interface Preparation {
  files: DataFiles;
  data: DataSpec;
  loss: TrainingJobFile['loss'];
  /** Of the file to be written. */
  path: string;
  /** Rows that take no more than this stay in memory. */
  memoryBytes: number;
  signal: AbortSignal;
}

export interface Prepared {
  file: RowFile;
  layout: RowLayout;
  rows: number;
  badRows: number;
  /** The columns that a row is made of, in their order; none where it is an image. */
  columns: string[];
  /** Where labels are classes: their names in order, and the number in that order of each uint32 in the file. */
  classes: { names: string[]; numbers: Uint32Array } | undefined;
}

/** Reads the data from beginning to end, once, and writes the good rows into a file. */
export async function prepare(preparation: Preparation): Promise<Prepared> {
  const { files, data, loss, signal } = preparation;
  const [first, ...others] = files.files;
  const columns = await files.format.columns(first);
  const chosen = chooseColumns(data, columns, first.name, files.format.naming);
  const { features, label, image } = chosen;
  const selection: Selection = {
    columns: [...(image === undefined ? features : [image]), label],
    exactly: data.features || data.image ? undefined : columns.map(({ name }) => name),
  };
  const images = data.image && (await ImageReader.create(data.image, files.folder));
  const output = new Output(preparation, new RowEncoder(data, loss, chosen), images);
  try {
    if (selection.exactly)
      for (const file of others) requireSame(file, await files.format.columns(file), first, columns);
    for (const file of files.files) {
      for await (const rows of files.format.rows(file, selection)) {
        signal.throwIfAborted();
        await output.add(file, rows);
      }
    }
    return await output.finish(features);
  } catch (error) {
    await output.abandon();
    throw error;
  }
}

function requireSame(file: DataFile, own: readonly Column[], first: DataFile, columns: readonly Column[]): void {
  const [known, found] = [columns, own].map((all) => new Set(all.map(({ name }) => name))) as [
    Set<string>,
    Set<string>,
  ];
  const different = [
    ...[...known].filter((name) => !found.has(name)),
    ...[...found].filter((name) => !known.has(name)),
  ];
  if (different.length === 0) return;
  throw invalidData(
    `${file.name} and ${first.name} differ in the columns ${shownList(different)}: name those to use in spec.train.data.features.`,
  );
}

/** Images that are decoded at a time; each may take 150 MB. */
const imagesAtOnce = 4;

class Output {
  readonly #preparation: Preparation;
  readonly #encoder: RowEncoder;
  readonly #images: ImageReader | undefined;
  readonly #bad: BadRows;
  #rows = 0;
  #writer: RowFileWriter | undefined;

  constructor(preparation: Preparation, encoder: RowEncoder, images: ImageReader | undefined) {
    this.#preparation = preparation;
    this.#encoder = encoder;
    this.#images = images;
    this.#bad = new BadRows(preparation.data.maxBadRows);
  }

  async add(file: DataFile, rows: readonly TableRow[]): Promise<void> {
    const step = this.#images ? imagesAtOnce : rows.length;
    for (let from = 0; from < rows.length; from += step) {
      const some = rows.slice(from, from + step);
      const images = await this.#decode(some);
      for (const [index, row] of some.entries()) {
        const bytes = this.#encode(file, row, images?.[index]);
        if (!bytes) continue;
        this.#writer ??= await RowFileWriter.create(this.#preparation.path, bytes.length);
        this.#writer.append(bytes);
        if (this.#writer.isFull) await this.#writer.flush();
      }
    }
  }

  async finish(columns: string[]): Promise<Prepared> {
    this.#bad.settle(this.#rows);
    const { layout, classes } = this.#encoder;
    if (!this.#writer || !layout) throw invalidData('The data hold no rows that can be used.');
    return {
      rows: this.#writer.rows,
      badRows: this.#bad.count,
      columns,
      layout,
      classes: classes && requireSeveral(classes.numbering(), this.#preparation.data.label),
      file: await this.#writer.finish(this.#preparation.memoryBytes),
    };
  }

  async abandon(): Promise<void> {
    await this.#writer?.abandon();
  }

  async #decode(rows: readonly TableRow[]): Promise<Image[] | undefined> {
    const images = this.#images;
    return images && Promise.all(rows.map(({ cells }) => images.read(cells[0])));
  }

  /** Undefined where the row is bad. */
  #encode(file: DataFile, row: TableRow, image: Image | undefined): Buffer | undefined {
    this.#rows += 1;
    const encoded = row.problem === undefined ? this.#encoder.encode(row.cells, image) : { problem: row.problem };
    if ('bytes' in encoded) return encoded.bytes;
    this.#bad.add(file.name, row.number, 'column' in encoded ? encoded.column : undefined, encoded.problem);
    return undefined;
  }
}

function requireSeveral<T extends { names: string[] }>(classes: T, label: string): T {
  const [only, ...others] = classes.names;
  if (only === undefined || others.length > 0) return classes;
  throw invalidData(
    `spec.train.data.label: all rows have ${shown(only)} as ${shown(label)}; a classifier needs two classes.`,
  );
}
