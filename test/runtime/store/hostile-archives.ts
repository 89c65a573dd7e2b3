import { gzipSync } from 'node:zlib';
import type { Workplace } from './workplace.ts';
import { gnuLongName, pax, rawTar, type RawEntry } from './raw-tar.ts';

/** An archive that must be refused. */
export interface HostileArchive {
  what: string;
  archive: () => Buffer;
  /** Of the entry, where the refusal names one. */
  named?: string;
  isGzip?: true;
}

const model: RawEntry = { name: 'model.onnx', content: 'weights' };

const entries = (what: string, hostile: RawEntry[], named?: string): HostileArchive => ({
  what,
  archive: () => rawTar([model, ...hostile]),
  ...(named !== undefined && { named }),
});

const base256 = (first: number, last: number): Buffer => {
  const size = Buffer.alloc(12, first === 0xff ? 0xff : 0);
  size[0] = first;
  size[11] = last;
  return size;
};

const zeros = (bytes: number): Buffer => gzipSync(rawTar([{ ...model, content: Buffer.alloc(bytes) }]));

export const hostileArchives: readonly HostileArchive[] = [
  entries('a symbolic link', [{ name: 'evil', type: '2', linkname: '/etc/passwd' }], 'evil'),
  entries('a symbolic link inside', [{ name: 'evil', type: '2', linkname: 'model.onnx' }], 'evil'),
  entries('a hard link', [{ name: 'evil', type: '1', linkname: 'model.onnx' }], 'evil'),
  entries(
    'a link whose target is in a PAX header',
    [pax({ linkpath: '../evil' }), { name: 'evil', type: '1' }],
    'evil',
  ),
  entries(
    'a file written through a link',
    [
      { name: 'evil', type: '2', linkname: '/tmp' },
      { name: 'evil/x', content: 'x' },
    ],
    'evil',
  ),
  entries('a character device', [{ name: 'evil', type: '3' }], 'evil'),
  entries('a block device', [{ name: 'evil', type: '4' }], 'evil'),
  entries('a pipe', [{ name: 'evil', type: '6' }], 'evil'),
  entries('an entry of an unknown type', [{ name: 'evil', type: 'Z' }], 'evil'),
  entries('a file of another volume', [{ name: 'evil', type: 'M' }], 'evil'),
  entries('an old sparse file', [{ name: 'evil', type: 'S', content: 'x' }], 'evil'),
  entries(
    'a sparse file of PAX',
    [
      pax({
        'GNU.sparse.major': '1',
        'GNU.sparse.minor': '0',
        'GNU.sparse.name': 'evil',
        'GNU.sparse.realsize': '99999999999',
      }),
      { name: 'GNUSparseFile.0/evil', content: '1\n0\n' },
    ],
    'evil',
  ),
  entries('an absolute path', [{ name: '/evil', content: 'x' }], '/evil'),
  entries('an absolute folder', [{ name: '/evil/', type: '5' }], '/evil'),
  entries('a path that leaves', [{ name: 'a/../../evil', content: 'x' }], 'evil'),
  entries('a path that comes back', [{ name: 'a/../evil', content: 'x' }], 'evil'),
  entries('a folder that leaves', [{ name: '../evil/', type: '5' }], 'evil'),
  entries('a path of PAX that leaves', [pax({ path: '../evil' }), { name: 'good', content: 'x' }], 'evil'),
  entries('an absolute path of PAX', [pax({ path: '/etc/evil' }), { name: 'good', content: 'x' }], 'evil'),
  entries(
    'a path of PAX for all that follow',
    [pax({ path: '../evil' }, 'g'), pax({ mtime: '1' }), { name: 'good', content: 'x' }],
    'evil',
  ),
  entries('a long path of GNU that leaves', [gnuLongName('../evil'), { name: 'good', content: 'x' }], 'evil'),
  entries('a backslash', [{ name: '..\\evil', content: 'x' }], 'evil'),
  entries('a NUL in a name', [pax({ path: 'evil\u0000.onnx' }), { name: 'good', content: 'x' }], 'evil'),
  entries('a line break in a name', [{ name: 'evil\nmodel', content: 'x' }], 'evil'),
  entries('a terminal sequence in a name', [{ name: '\u001b]0;evil\u0007', content: 'x' }], 'evil'),
  entries('a control character of C1 in a name', [{ name: 'evil\u009b', content: 'x' }], 'evil'),
  entries('a name that is no UTF-8', [{ name: Buffer.from([0x65, 0x76, 0x69, 0x6c, 0xff]), content: 'x' }], 'evil'),
  entries('no name', [{ name: '', content: 'x' }]),
  entries('a name of dots', [{ name: '..', content: 'x' }]),
  entries('a part of a name that is too long', [pax({ path: `evil${'x'.repeat(300)}` }), { name: 'good' }], 'evil'),
  entries('a path that is too long', [pax({ path: 'evil/'.repeat(300) + 'x' }), { name: 'good' }], 'evil'),
  entries('a folder tree that is too deep', [pax({ path: 'd/'.repeat(600) + 'evil' }), { name: 'good' }]),
  entries('a file twice', [{ name: 'model.onnx', content: 'other' }], 'model.onnx'),
  entries('a file twice, spelt otherwise', [{ name: './model.onnx', content: 'other' }], 'model.onnx'),
  entries('a file as a folder', [{ name: 'model.onnx/evil', content: 'x' }], 'evil'),
  entries(
    'a folder as a file',
    [
      { name: 'evil/x', content: 'x' },
      { name: 'evil', content: 'x' },
    ],
    'evil',
  ),
  entries('a file larger than the disk', [{ name: 'evil', size: 0o77777777777 }], 'evil'),
  entries('a size of PAX larger than the disk', [pax({ size: '9007199254740993' }), { name: 'evil' }], 'evil'),
  entries('a negative size of PAX', [pax({ size: '-512' }), { name: 'evil' }]),
  entries('a negative size', [{ name: 'evil', size: base256(0xff, 0) }]),
  entries('a size of 96 bits', [{ name: 'evil', size: base256(0x80, 1).fill(0xff, 1) }], 'evil'),
  entries('a size that is no number', [{ name: 'evil', size: Buffer.from('zzzzzzzzzzz\u0000') }]),
  entries('a PAX header of 16 MiB', [{ name: 'PaxHeader', type: 'x', content: Buffer.alloc(16 * 1024 * 1024, 'x') }]),
  entries('a wrong checksum', [{ name: 'evil', checksum: 1 }]),
  entries(
    'too many files',
    Array.from({ length: 10_001 }, (_, index) => ({ name: `f${index}` })),
  ),
  entries(
    'too many folders',
    Array.from({ length: 10_001 }, (_, index) => ({ name: `d${index}/`, type: '5' })),
  ),
  { what: 'a tar archive that is cut in an entry', archive: () => rawTar([model]).subarray(0, 515) },
  { what: 'a tar archive that is cut in a header', archive: () => rawTar([model, { name: 'b' }]).subarray(0, 1_100) },
  { what: 'a gzip stream that is cut', archive: () => gzipSync(rawTar([model])).subarray(0, 60), isGzip: true },
  { what: 'what is no gzip stream', archive: () => Buffer.from('not gzip'), isGzip: true },
  {
    what: 'a gzip stream with another checksum',
    archive: () => Buffer.concat([gzipSync(rawTar([model])).subarray(0, -8), Buffer.alloc(8)]),
    isGzip: true,
  },
  { what: 'a gzip bomb', archive: () => zeros(80_000_000), isGzip: true },
  {
    what: 'a gzip bomb of nothing but the end',
    archive: () => gzipSync(Buffer.concat([rawTar([model]), Buffer.alloc(100_000_000)])),
    isGzip: true,
  },
  {
    what: 'a gzip bomb of headers without files',
    archive: () =>
      gzipSync(Buffer.concat(Array.from({ length: 25 }, () => rawTar([pax({ comment: 'x'.repeat(4_000_000) })])))),
    isGzip: true,
  },
];

/** The name that the archive is to have. */
export const archiveName = ({ isGzip }: HostileArchive): string => (isGzip === true ? 'a.tgz' : 'a.tar');

/** Has the store unpack one. @returns what is wrong with its refusal */
export async function slip(hostile: HostileArchive, work: Workplace): Promise<string | undefined> {
  const name = archiveName(hostile);
  await work.write({ [`volumes/models/${name}`]: hostile.archive() });
  const { code, retrying, message } = await work.fault(`pvc://models/${name}`);
  if (code !== 'ArchiveRefused' || retrying) return `${code}: ${message}`;
  if (!message.includes(hostile.named ?? name)) return `does not name the entry: ${message}`;
  if (message.includes(work.folder)) return `tells a path: ${message}`;
  const left = await work.parts();
  return left.length > 0 ? `leaves ${left.join()}` : undefined;
}
