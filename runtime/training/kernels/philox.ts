/**
 * The counter-based generator Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3"
 * (SC 2011), in AssemblyScript: `npm run generate` compiles it to runtime/numeric/philox.gen.ts. For each 64-bit key it is
 * a bijection of 128-bit counters, so any number of a stream can be had without those before it.
 */

const rounds: i32 = 10;

/** Writes the four numbers of each of so many counters, the lowest 64 bits of which begin with `first`. */
export function fill(at: usize, blocks: i32, first: u64, stream: u64, key: u64): void {
  for (let block = 0; block < blocks; block++) {
    const counter = first + u64(block);
    let c0 = u32(counter);
    let c1 = u32(counter >> 32);
    let c2 = u32(stream);
    let c3 = u32(stream >> 32);
    let k0 = u32(key);
    let k1 = u32(key >> 32);
    for (let round = 0; round < rounds; round++) {
      const product0 = u64(0xd2511f53) * u64(c0);
      const product1 = u64(0xcd9e8d57) * u64(c2);
      c0 = u32(product1 >> 32) ^ c1 ^ k0;
      c1 = u32(product1);
      c2 = u32(product0 >> 32) ^ c3 ^ k1;
      c3 = u32(product0);
      k0 += 0x9e3779b9;
      k1 += 0xbb67ae85;
    }
    store<u32>(at, c0);
    store<u32>(at, c1, 4);
    store<u32>(at, c2, 8);
    store<u32>(at, c3, 12);
    at += 16;
  }
}
