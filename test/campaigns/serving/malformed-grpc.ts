import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Random } from '../../support/random.ts';
import { wireRequest } from '../../support/wire-request.ts';

/** Messages of gRPC that are nearly right. */

const methods = [
  'ModelInfer',
  'ModelInfer',
  'ModelInfer',
  'ModelInfer',
  'ModelReady',
  'ModelMetadata',
  'ModelStatistics',
  'RepositoryModelLoad',
  'NoSuchMethod',
];

export const malformedGrpc = (random: Random): { path: string; message: Buffer } => ({
  path: `/inference.GRPCInferenceService/${random.pick(methods)}`,
  message: malformedMessage(random),
});

function malformedMessage(random: Random): Buffer {
  const good = wireRequest(random);
  switch (random.integer(6)) {
    case 0:
      return good.subarray(0, random.integer(good.length));
    case 1:
      return random.bytes(random.integer(200));
    case 2: {
      const at = random.integer(good.length);
      return Buffer.concat([good.subarray(0, at), random.bytes(1 + random.integer(8)), good.subarray(at)]);
    }
    case 3: {
      for (let flips = 1 + random.integer(4); flips > 0; flips--)
        good[random.integer(good.length)] = random.integer(256);
      return good;
    }
    default:
      return otherFields(random, good);
  }
}

/** Whole fields that are left out, doubled, moved, of another number or type, of a length that lies, or within themselves. */
function otherFields(random: Random, good: Buffer): Buffer {
  const fields = fieldsOf(good);
  for (let change = 1 + random.integer(3); change > 0; change--) {
    const at = random.integer(fields.length);
    const field = fields[at] ?? Buffer.alloc(0);
    switch (random.integer(7)) {
      case 0:
        fields.splice(at, 1);
        break;
      case 1:
        fields.push(...Array.from({ length: 1 + random.integer(1_200) }, () => field));
        break;
      case 2:
        fields.splice(random.integer(fields.length + 1), 0, ...fields.splice(at, 1));
        break;
      case 3:
        fields[at] = Buffer.concat([tag(random.integer(20), random.integer(8)), field.subarray(1)]);
        break;
      case 4:
        // The length, in more or fewer bytes than it needs, or one that no message has.
        fields[at] = Buffer.concat([field.subarray(0, 1), random.pick(oddLengths), field.subarray(2)]);
        break;
      case 5: {
        let nested = field;
        for (let depth = 1 + random.integer(300); depth > 0; depth--)
          nested = Buffer.concat([tag(1 + random.integer(7), 2), varint(nested.byteLength), nested]);
        fields[at] = nested;
        break;
      }
      default:
        fields.splice(at, 0, tag(1 + random.integer(7), random.pick([3, 4])));
    }
    if (fields.length === 0) break;
  }
  return Buffer.concat(fields);
}

const tag = (field: number, type: number): Buffer => varint(field * 8 + type);

const varint = (value: number): Buffer => Buffer.from(new BinaryWriter().uint32(value).finish());

const oddLengths = [
  '00',
  '7f',
  'ff01',
  'ffffffff0f',
  'ffffffffffffffffff01',
  'ffffffffffffffffffff',
  '8000',
  '80808080808000',
].map((hex) => Buffer.from(hex, 'hex'));

/** The bytes of each field at the top of a message. */
function fieldsOf(message: Buffer): Buffer[] {
  const reader = new BinaryReader(message);
  const fields: Buffer[] = [];
  while (reader.pos < reader.len) {
    const from = reader.pos;
    const [field, type] = reader.tag();
    reader.skip(type, field);
    fields.push(message.subarray(from, reader.pos));
  }
  return fields;
}
