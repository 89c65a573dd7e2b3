/** Less than this costs more to give back than to leave. */
const leastBytes = 16 * 1024;

/**
 * Gives memory that nobody needs any more back at once. Left to the garbage collector, buffers of this size make it go through the
 * whole heap every few requests. Whoever still holds the bytes finds them empty, never another request's. A view of
 * something larger is left alone.
 *
 * Native code does not notice: bytes that a write or a run still works on must not be given.
 */
export function release(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes;
  if (byteLength < leastBytes || byteLength < buffer.byteLength || !(buffer instanceof ArrayBuffer)) return;
  buffer.transfer(0);
}
