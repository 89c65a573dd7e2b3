import { readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { RequestError } from '../../errors.ts';
import { createDecoder, placePixels, type Decode, type Preprocessing } from '../../serving/tasks/image-pixels.ts';
import { systemCode } from '../../store/errors.ts';
import type { DataSpec } from '../../training-contract.ts';
import { shown } from './data-failure.ts';
import { limits } from './limits.ts';
import { describe } from './numbers.ts';

export type ImageSpec = NonNullable<DataSpec['image']>;

export type Image = { pixels: Uint8Array } | { problem: string };

/** Text that begins like this is an image in Base64: what JPEG and PNG begin with. No path of a file does. */
const encodedStart = /^(?:data:image\/(?:jpeg|png);base64,|(?=\/9j\/|iVBORw0KGgo))/;

/** Reads images as a server of the model does, so that what was trained is what is served. */
export class ImageReader {
  readonly #spec: ImageSpec;
  readonly #folder: string | undefined;
  readonly #decode: Decode;
  readonly #preprocessing: Preprocessing;

  private constructor(spec: ImageSpec, folder: string | undefined, decode: Decode, preprocessing: Preprocessing) {
    this.#spec = spec;
    this.#folder = folder;
    this.#decode = decode;
    this.#preprocessing = preprocessing;
  }

  /** @param folder what paths begin at; undefined where the data are a single file */
  static async create(spec: ImageSpec, folder: string | undefined): Promise<ImageReader> {
    const { height, width } = spec;
    const preprocessing: Preprocessing = {
      resize: { height, width },
      crop: undefined,
      resample: 'linear',
      rescale: 1,
      mean: [0],
      deviation: [1],
    };
    const root = folder === undefined ? undefined : await realpath(folder);
    return new ImageReader(spec, root, await createDecoder(preprocessing), preprocessing);
  }

  /**
   * @param cell a path, text in Base64, or bytes
   * @returns levels from 0 to 255, [channels, height, width]
   */
  async read(cell: unknown): Promise<Image> {
    const encoded = await this.#encoded(cell);
    if ('problem' in encoded) return encoded;
    try {
      return { pixels: await this.#pixels(encoded.bytes) };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return { problem: error.message.replace(/^image: /, 'is no image that can be used: ') };
    }
  }

  async #pixels(bytes: Uint8Array): Promise<Uint8Array> {
    const { height, width, channels } = this.#spec;
    const pixels = new Uint8Array(channels * height * width);
    placePixels(await this.#decode(bytes), { height, width }, channels, this.#preprocessing, (c, y, x, level) => {
      pixels[(c * height + y) * width + x] = level;
    });
    return pixels;
  }

  async #encoded(cell: unknown): Promise<{ bytes: Uint8Array } | { problem: string }> {
    if (Buffer.isBuffer(cell)) return cell.length > limits.imageBytes ? tooLarge : { bytes: cell };
    if (typeof cell !== 'string') return { problem: `is no image (${describe(cell)})` };
    const start = encodedStart.exec(cell);
    if (start) return { bytes: Buffer.from(cell.slice(start[0].length), 'base64') };
    return this.#file(cell.trim());
  }

  async #file(path: string): Promise<{ bytes: Uint8Array } | { problem: string }> {
    if (path === '') return { problem: 'is missing' };
    if (this.#folder === undefined) {
      return { problem: 'is the path of a file, but spec.train.data.uri is no folder that could hold it' };
    }
    try {
      const found = await realpath(join(this.#folder, path));
      if (!found.startsWith(this.#folder + sep)) return { problem: `leaves the folder of the data (${shown(path)})` };
      const { size } = await stat(found);
      return size > limits.imageBytes ? tooLarge : { bytes: await readFile(found) };
    } catch (error) {
      if (!absent.has(systemCode(error) ?? '')) throw error;
      return { problem: `is not a file of the data (${shown(path)})` };
    }
  }
}

const tooLarge = { problem: `is larger than ${limits.imageBytes} bytes` };

const absent: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'EINVAL',
  'ERR_INVALID_ARG_VALUE',
]);
