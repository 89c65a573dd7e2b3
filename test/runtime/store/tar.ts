import { pack, type Header } from 'tar-stream';

export type Entry = Partial<Header> & { name: string; content?: string };

export async function tar(entries: Entry[]): Promise<Buffer> {
  const packer = pack();
  for (const { content = '', ...header } of entries) packer.entry(header, header.type === undefined ? content : '');
  packer.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of packer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
