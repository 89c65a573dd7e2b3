import type { Sharp } from 'sharp';
import { ModelFault, invalid } from '../../errors.ts';
import { isRecord } from '../json.ts';

/** How an encoded image becomes a model's input, as Hugging Face's preprocessor_config.json says it. */
export interface Preprocessing {
  resize: { height: number; width: number } | { shortestEdge: number } | undefined;
  crop: { height: number; width: number } | undefined;
  /** Pillow's filter. */
  resample: 'nearest' | 'lanczos3' | 'linear' | 'cubic';
  rescale: number;
  mean: readonly number[];
  deviation: readonly number[];
}

/** The largest image: 50 megapixels, some 150 MB when decoded. */
const maxPixels = 50_000_000;

/** Pillow's numbers of its filters. Hamming and box have no counterpart; bilinear is the nearest one. */
const filters = ['nearest', 'lanczos3', 'linear', 'cubic', 'linear', 'linear'] as const;

/**
 * @param config preprocessor_config.json, parsed; undefined where the model has none: then images are resized to the
 *   model's input and scaled to 0…1
 * @param input the model's own height and width, -1 where dynamic
 */
export function readPreprocessing(config: unknown, input: { height: number; width: number }): Preprocessing {
  const given = isRecord(config) ? config : {};
  const own = input.height > 0 && input.width > 0 ? input : undefined;
  const size = readSize(given.size, 'size');
  const crop =
    given.do_center_crop === true ? rectangle(readSize(given.crop_size, 'crop_size'), 'crop_size') : undefined;
  const resize = given.do_resize === false ? undefined : (size ?? (crop ? undefined : own));
  if (!resize && !crop) {
    throw unsupported(
      `The model takes images of any size; say which in preprocessor_config.json beside it ("size": {"height": …, "width": …}).`,
    );
  }
  const normalize = given.do_normalize !== false && given.image_mean !== undefined;
  const resample = given.resample === undefined ? 'linear' : filters[Number(given.resample)];
  if (resample === undefined) throw unsupported('preprocessor_config.json: resample must be a number from 0 to 5.');
  return {
    resize,
    crop,
    resample,
    rescale: given.do_rescale === false ? 1 : readNumber(given.rescale_factor ?? 1 / 255, 'rescale_factor'),
    mean: normalize ? readNumbers(given.image_mean, 'image_mean') : [0],
    deviation: normalize ? readNumbers(given.image_std ?? 1, 'image_std') : [1],
  };
}

type Size = { height: number; width: number } | { shortestEdge: number };

/** A number is the shortest edge, as in older files. */
function readSize(value: unknown, field: string): Size | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number') return { shortestEdge: readLength(value, field) };
  if (!isRecord(value)) throw unsupported(`preprocessor_config.json: ${field} must be a number or an object.`);
  if (value.shortest_edge !== undefined)
    return { shortestEdge: readLength(value.shortest_edge, `${field}.shortest_edge`) };
  return { height: readLength(value.height, `${field}.height`), width: readLength(value.width, `${field}.width`) };
}

function rectangle(size: Size | undefined, field: string): { height: number; width: number } {
  if (!size) throw unsupported(`preprocessor_config.json: do_center_crop needs ${field}.`);
  return 'shortestEdge' in size ? { height: size.shortestEdge, width: size.shortestEdge } : size;
}

function readLength(value: unknown, field: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 8192) {
    throw unsupported(`preprocessor_config.json: ${field} must be a whole number from 1 to 8192.`);
  }
  return value;
}

function readNumber(value: unknown, field: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw unsupported(`preprocessor_config.json: ${field} must be a number.`);
  return value;
}

function readNumbers(value: unknown, field: string): number[] {
  return (Array.isArray(value) ? value : [value]).map((number: unknown) => readNumber(number, field));
}

const unsupported = (message: string): ModelFault =>
  new ModelFault({ reason: 'UnsupportedModel', message, retrying: false });

/** Eight bits for each of red, green and blue, row by row. */
export interface Pixels {
  height: number;
  width: number;
  data: Uint8Array;
}

export type Decode = (image: Uint8Array) => Promise<Pixels>;

const isPng = (bytes: Uint8Array): boolean => Buffer.from('89504e470d0a1a0a', 'hex').equals(bytes.subarray(0, 8));
const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;

/**
 * A decoder of JPEG and PNG, upright as its EXIF says, resized as `preprocessing` says. The library is loaded here, so
 * that only model processes with this task hold it; every other image format of it is switched off.
 */
export async function createDecoder({ resize, resample }: Preprocessing): Promise<Decode> {
  const { default: sharp } = await import('sharp');
  sharp.cache(false);
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer'] });
  const decode = async (image: Uint8Array): Promise<Pixels> => {
    const upright = sharp(image, { limitInputPixels: maxPixels, sequentialRead: true }).autoOrient();
    const target = resize && ('shortestEdge' in resize ? await edgeSize(upright, resize.shortestEdge) : resize);
    const resized = target
      ? upright.resize({ ...target, fit: 'fill', kernel: resample, fastShrinkOnLoad: false })
      : upright;
    const { data, info } = await resized
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new Error(`${info.channels} channels`);
    return { height: info.height, width: info.width, data };
  };
  return async (image) => {
    if (!isPng(image) && !isJpeg(image)) throw invalid('image: neither JPEG nor PNG');
    return decode(image).catch((error: unknown) => {
      const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      throw invalid(`image: cannot be decoded (${reason.slice(0, 200)})`);
    });
  };
}

async function edgeSize(image: Sharp, shortestEdge: number): Promise<{ height: number; width: number }> {
  const { autoOrient } = await image.metadata();
  const { height, width } = autoOrient;
  const scale = shortestEdge / Math.min(height, width);
  const longest = Math.floor(Math.max(height, width) * scale);
  if (longest > 8192 * 4) throw new Error('far longer than wide');
  return height <= width ? { height: shortestEdge, width: longest } : { height: longest, width: shortestEdge };
}

/**
 * Writes one image into a model's input: cropped about the centre (what lies outside is black), grey where the model has
 * one channel (Pillow's luma), rescaled and normalised.
 *
 * @param put takes the value of channel c at row y, column x
 */
export function placePixels(
  pixels: Pixels,
  size: { height: number; width: number },
  channels: 1 | 3,
  { rescale, mean, deviation }: Preprocessing,
  put: (c: number, y: number, x: number, value: number) => void,
): void {
  const top = Math.floor((pixels.height - size.height) / 2);
  const left = Math.floor((pixels.width - size.width) / 2);
  for (let y = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++) {
      const [row, column] = [y + top, x + left];
      const inside = row >= 0 && row < pixels.height && column >= 0 && column < pixels.width;
      const at = (row * pixels.width + column) * 3;
      for (let c = 0; c < channels; c++) {
        const level = !inside ? 0 : channels === 1 ? luma(pixels.data, at) : (pixels.data[at + c] ?? 0);
        put(c, y, x, (level * rescale - (mean[c] ?? mean[0] ?? 0)) / (deviation[c] ?? deviation[0] ?? 1));
      }
    }
  }
}

function luma(data: Uint8Array, at: number): number {
  return ((data[at] ?? 0) * 19595 + (data[at + 1] ?? 0) * 38470 + (data[at + 2] ?? 0) * 7471 + 0x8000) >> 16;
}
