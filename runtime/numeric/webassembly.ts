/** What is used of it here; Node's types leave it to those of browsers. */
declare const WebAssembly: {
  Memory: {
    new (pages: { initial: number; maximum: number }): Memory;
    new (pages: { initial: number; maximum: number; shared: true }): SharedMemory;
  };
  instantiate(binary: Uint8Array, imports: object): Promise<{ instance: { exports: unknown } }>;
};

export interface Memory {
  buffer: ArrayBuffer;
}

/** May be handed to other threads, which then see the same bytes. */
export interface SharedMemory {
  buffer: SharedArrayBuffer;
}

const pageBytes = 65_536;

/**
 * Address space that never grows, so views of it stay valid. The machine gives a page once it is touched: what is not used
 * costs nothing. Where not even the space may be reserved, half of it has to do.
 *
 * @param bytes a power of two of at least 65536
 */
export function reserve(bytes: number): Memory {
  const pages = bytes / pageBytes;
  return orHalf(bytes, reserve, () => new WebAssembly.Memory({ initial: pages, maximum: pages }));
}

/** The same for memory that threads share. */
export function reserveShared(bytes: number): SharedMemory {
  const pages = bytes / pageBytes;
  return orHalf(bytes, reserveShared, () => new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }));
}

function orHalf<Reserved>(bytes: number, reserveLess: (bytes: number) => Reserved, attempt: () => Reserved): Reserved {
  try {
    return attempt();
  } catch (error) {
    if (bytes <= pageBytes) throw error;
    return reserveLess(bytes / 2);
  }
}

/**
 * What a module of kernels/ exports, working on that memory.
 *
 * @param module in base64, as `npm run generate` writes it
 */
export async function instantiate(module: string, memory: Memory | SharedMemory): Promise<unknown> {
  const { instance } = await WebAssembly.instantiate(Buffer.from(module, 'base64'), { env: { memory } });
  return instance.exports;
}
