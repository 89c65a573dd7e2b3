import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { loopModel, normalisingModel, sumAndDifferenceModel } from '../../support/models.ts';
import { initializer, onnxModel, type Value } from '../../support/onnx-builder.ts';
import type { Random } from '../../support/random.ts';

/** Shapes that are worked out while a model is loaded. */
function foldedModel(): Uint8Array {
  const value = (name: string): Value => ({ name, type: 'FLOAT', shape: ['n', 2] });
  return onnxModel({
    nodes: [
      { op: 'ConstantOfShape', inputs: ['shape'], outputs: ['zeros'] },
      { op: 'Add', inputs: ['x', 'zeros'], outputs: ['y'] },
    ],
    initializers: [initializer.int64('shape', [2, 2], [2])],
    inputs: [value('x')],
    outputs: [value('y')],
  });
}

/** A convolutional network, the model of the example. */
const digits = readFileSync(join(import.meta.dirname, '..', '..', '..', 'examples', 'digits', 'model', 'model.onnx'));

const originals = [loopModel(), normalisingModel(), sumAndDifferenceModel(), foldedModel(), digits].map((model) => ({
  model: Buffer.from(model),
  leaves: leavesOf(Buffer.from(model)),
}));

interface Leaf {
  from: number;
  to: number;
  isNumber: boolean;
}

/** A model with some bytes changed: seldom anywhere, mostly in values, so that it still is a protobuf message. */
export function mutantModel(random: Random): Buffer {
  const { model: original, leaves } = random.pick(originals);
  const model = Buffer.from(original);
  switch (random.integer(12)) {
    case 0:
      return model.subarray(0, random.integer(model.length));
    case 1: {
      const at = random.integer(model.length);
      return Buffer.concat([model.subarray(0, at), random.bytes(1 + random.integer(16)), model.subarray(at)]);
    }
    case 2: {
      for (let flips = 1 + random.integer(4); flips > 0; flips--)
        model[random.integer(model.length)] = random.integer(256);
      return model;
    }
    default: {
      for (let changes = 1 + random.integer(3); changes > 0; changes--) {
        const { from, to, isNumber } = random.pick(leaves);
        const at = from + random.integer(to - from);
        if (isNumber) model[at] = random.pick([0, 1, 2, 7, 127, random.integer(128)]);
        else model[at] = random.pick([0, 0x7f, 0x80, 0xff, random.integer(256)]);
      }
      return model;
    }
  }
}

/** Where the values of a message and of those within it lie. */
function leavesOf(message: Buffer, offset = 0): Leaf[] {
  const reader = new BinaryReader(message);
  const leaves: Leaf[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const from = reader.pos;
    if (type === WireType.LengthDelimited) {
      const content = Buffer.from(reader.bytes());
      const start = reader.pos - content.byteLength;
      if (content.byteLength > 0) leaves.push(...within(content, offset + start));
    } else {
      reader.skip(type, field);
      // A number of more bytes would become another number of bytes.
      if (type !== WireType.Varint || reader.pos - from === 1)
        leaves.push({ from: offset + from, to: offset + reader.pos, isNumber: type === WireType.Varint });
    }
  }
  return leaves;
}

/** Of what may be a message, or text or data. */
function within(content: Buffer, offset: number): Leaf[] {
  try {
    return leavesOf(content, offset);
  } catch {
    return [{ from: offset, to: offset + content.byteLength, isNumber: false }];
  }
}
