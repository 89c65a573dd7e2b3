import { describe, expect, test } from '@jest/globals';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { readInferRequest } from '../../../runtime/serving/grpc/wire.ts';
import { parseJson } from '../../../runtime/serving/json.ts';
import { limits } from '../../../runtime/serving/limits.ts';

/** A ModelInfer message with one input whose field `field` is `payload`. */
function inferRequest(field: number, payload: Uint8Array): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(5, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).string('x');
  writer.tag(field, WireType.LengthDelimited).bytes(payload);
  writer.join();
  return writer.finish();
}

/** The packed elements of `int64_contents`. */
function contents(elements: number): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(3, WireType.LengthDelimited).bytes(new Uint8Array(elements));
  return writer.finish();
}

describe('a request cannot make the answering process work for long', () => {
  test('JSON beyond its bound is refused before it is parsed, and told to go as binary', () => {
    expect(() => parseJson(new Uint8Array(limits.jsonBytes + 1).fill(0x20))).toThrow(
      'send larger tensors as binary data',
    );
  });

  test('JSON of too many arrays is refused before it is parsed', () => {
    const body = Buffer.from(`[${'[],'.repeat(limits.jsonContainers)}1]`);
    expect(() => parseJson(body)).toThrow(`more than ${limits.jsonContainers} arrays and objects`);
  });

  test('JSON within its bounds is parsed', () => {
    expect(parseJson(Buffer.from(`[${'1,'.repeat(200_000)}1]`))).toHaveLength(200_001);
  });

  test('a gRPC shape of too many dimensions is refused while it is read', () => {
    expect(() => readInferRequest(inferRequest(3, new Uint8Array(limits.rank + 1)))).toThrow(
      `more than ${limits.rank} dimensions`,
    );
    expect(readInferRequest(inferRequest(3, new Uint8Array(limits.rank))).inputs[0]?.shape).toHaveLength(limits.rank);
  });

  test('typed gRPC contents of too many elements are refused while they are read', () => {
    expect(() => readInferRequest(inferRequest(5, contents(limits.typedElements + 1)))).toThrow('raw_input_contents');
    expect(() => readInferRequest(inferRequest(5, contents(1_000)))).not.toThrow();
  });
});
