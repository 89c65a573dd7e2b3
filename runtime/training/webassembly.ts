/** What is used of it here; Node's types leave it to those of browsers. */
declare const WebAssembly: {
  Memory: new (pages: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
  instantiate(binary: Uint8Array, imports: object): Promise<{ instance: { exports: unknown } }>;
};

const pageBytes = 65_536;

/**
 * Address space that never grows, so views of it stay valid. The machine gives a page once it is touched: what is not used
 * costs nothing. Where not even the space may be reserved, half of it has to do.
 *
 * @param bytes a power of two of at least 65536
 */
function reserve(bytes: number): { buffer: ArrayBuffer } {
  const pages = bytes / pageBytes;
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch (error) {
    if (pages === 1) throw error;
    return reserve(bytes / 2);
  }
}

/**
 * An instance of a module of kernels/ with a memory of its own.
 *
 * @param module in base64, as `npm run generate` writes it
 */
export async function instantiate(
  module: string,
  reservedBytes: number,
): Promise<{ exports: unknown; buffer: ArrayBuffer }> {
  const memory = reserve(reservedBytes);
  const { instance } = await WebAssembly.instantiate(Buffer.from(module, 'base64'), { env: { memory } });
  return { exports: instance.exports, buffer: memory.buffer };
}
