/** Headers of tar archives that no packer would write, field by field as POSIX numbers them. */

export interface RawEntry {
  name: string | Buffer;
  /** Its letter in the header: `0` is a file. */
  type?: string;
  linkname?: string;
  content?: string | Buffer;
  /** In place of the content's length. */
  size?: number | Buffer;
  /** In place of the right one. */
  checksum?: number;
}

const blockBytes = 512;

function header({ name, type = '0', linkname = '', content = '', size, checksum }: RawEntry): Buffer {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, digits: number): number =>
    block.write(value.toString(8).padStart(digits, '0'), at);
  Buffer.from(name).copy(block, 0, 0, 100);
  octal(0o644, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  if (Buffer.isBuffer(size)) size.copy(block, 124);
  else octal(size ?? Buffer.byteLength(content), 124, 11);
  octal(0, 136, 11);
  block.write(type, 156);
  block.write(linkname, 157);
  block.write('ustar\u000000', 257);
  block.fill(' ', 148, 156);
  octal(checksum ?? block.reduce((sum, byte) => sum + byte, 0), 148, 6);
  block.writeUInt8(0, 154);
  return block;
}

const padded = (content: Buffer): Buffer =>
  Buffer.concat([content, Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes)]);

/** An archive of these entries and its end. */
export const rawTar = (entries: readonly RawEntry[]): Buffer =>
  Buffer.concat([
    ...entries.flatMap((entry) => [header(entry), padded(Buffer.from(entry.content ?? ''))]),
    Buffer.alloc(2 * blockBytes),
  ]);

/** A PAX header, which changes what the next entry's header says. @param type `x`, or `g` for all that follow */
export function pax(fields: Record<string, string>, type = 'x'): RawEntry {
  const records = Object.entries(fields).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    const bytes = Buffer.byteLength(rest);
    // The length counts its own digits.
    const length = [1, 2, 3, 4, 5, 6, 7]
      .map((digits) => bytes + digits)
      .find((all) => String(all).length === all - bytes);
    return `${length ?? 0}${rest}`;
  });
  return { name: 'PaxHeader', type, content: records.join('') };
}

/** GNU's way of a long name for the next entry. */
export const gnuLongName = (name: string): RawEntry => ({ name: '././@LongLink', type: 'L', content: `${name}\u0000` });
