import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Random } from './random.ts';

/** A good ModelInferRequest for inputs numbers FP32 [1, 2], ids INT64 [1] and words BYTES [1], raw or typed. */
export function wireRequest(random: Random): Buffer {
  const raw = random.integer(2) === 0;
  const writer = new BinaryWriter();
  const text = (field: number, value: string): BinaryWriter =>
    writer.tag(field, WireType.LengthDelimited).string(value);
  const nested = (field: number, write: () => void): void => {
    writer.tag(field, WireType.LengthDelimited).fork();
    write();
    writer.join();
  };
  const input = (name: string, datatype: string, shape: number[], contents: () => void): void =>
    nested(5, () => {
      text(1, name);
      text(2, datatype);
      nested(3, () => shape.forEach((dimension) => writer.int64(dimension)));
      if (!raw) nested(5, contents);
    });
  text(1, 'model');
  text(3, 'id');
  nested(4, () => {
    text(1, 'timeout');
    nested(2, () => writer.tag(2, WireType.Varint).int64(60_000));
  });
  input('numbers', 'FP32', [1, 2], () => nested(6, () => writer.float(1).float(2)));
  input('ids', 'INT64', [1], () => nested(3, () => writer.int64(-5)));
  input('words', 'BYTES', [1], () => writer.tag(8, WireType.LengthDelimited).bytes(Buffer.from('word')));
  if (raw) {
    for (const data of [Buffer.alloc(8), Buffer.alloc(8), Buffer.from([1, 0, 0, 0, 97])])
      writer.tag(7, WireType.LengthDelimited).bytes(data);
  }
  return Buffer.from(writer.finish());
}
