import type { Random } from '../../support/random.ts';

/** Bodies and headers of REST requests that are nearly right. */

interface RestForm {
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** For inputs numbers FP32 [n, 2], ids INT64 [n] and words BYTES [n]. */
const goodRequest = {
  id: 'x',
  parameters: { binary_data_output: false },
  inputs: [
    { name: 'numbers', shape: [1, 2], datatype: 'FP32', data: [1.5, -2] },
    { name: 'ids', shape: [1], datatype: 'INT64', data: [9007199254740991] },
    { name: 'words', shape: [1], datatype: 'BYTES', data: ['zwölf'] },
  ],
  outputs: [{ name: 'ids_out', parameters: { binary_data: false } }],
};

const goodBody = JSON.stringify(goodRequest);

/** What the binary extension makes of it. */
const binaryHead = {
  ...goodRequest,
  inputs: goodRequest.inputs.map(({ name, shape, datatype }, index) => ({
    name,
    shape,
    datatype,
    parameters: { binary_data_size: [8, 8, 5][index] ?? 0 },
  })),
};
const binaryData = Buffer.concat([Buffer.alloc(16), Buffer.from([1, 0, 0, 0, 97])]);

/** Pieces of text that parsers are known to trip over. */
const oddTexts = [
  'null',
  '-0',
  '1e999',
  '-1',
  '9'.repeat(40),
  '"__proto__"',
  '{}',
  '[[[[[[]]]]]]',
  '"\\ud800"',
  '""',
  'true',
  '4503599627370496',
  '[1,2',
  '{"a":',
  '"constructor"',
  '1.5',
  '\u0000',
];

const oddValues: readonly Json[] = [
  null,
  true,
  -1,
  0,
  1.5,
  2 ** 31,
  2 ** 53,
  1e300,
  '',
  '../../etc/passwd',
  'x'.repeat(70_000),
  [],
  {},
  [[[1]]],
  [null],
  { length: 3 },
  { toString: 'x' },
];

const oddKeys = [
  '__proto__',
  'constructor',
  'name',
  'shape',
  'data',
  'parameters',
  'binary_data_size',
  '',
  'x'.repeat(1_000),
];

const paths = [
  '/v2/models/model/infer',
  '/v2/models/model/infer',
  '/v2/models/model/infer',
  '/v2/models/model/infer',
  '/v2/models/model/predict',
  '/v2/models/model/explain',
  '/v1/models/model:predict',
  '/v2/models/model/versions/1/infer',
  '/v2/repository/index',
  '/v2/repository/models/model/load',
  '/v2/models/%00/infer',
  '/v2/models/model/versions/9/infer',
  '/v2/../../etc/passwd',
  '/v2/models/__proto__',
  '/%',
];

const mediaTypes = [
  'application/json',
  'application/octet-stream',
  'text/plain',
  'a/b/c',
  'image/png',
  'application/json;charset=utf-7',
];

export function malformedRest(random: Random): RestForm {
  const headers: Record<string, string> = { 'content-type': random.pick(mediaTypes) };
  if (random.integer(10) === 0) headers['request-timeout'] = random.pick(['-1', 'NaN', '0', '5', '1e9', '']);
  if (random.integer(20) === 0) headers['content-encoding'] = random.pick(['gzip', 'deflate', 'br', 'gzip, gzip', 'x']);
  const path = random.pick(paths);
  if (random.integer(3) === 0) {
    const { body, headerLength } = malformedBinary(random);
    return { path, headers: { ...headers, 'inference-header-content-length': headerLength }, body };
  }
  return { path, headers, body: malformedJson(random, goodRequest) };
}

/** JSON with a length of it that may lie, and data that may not be what it says. */
function malformedBinary(random: Random): { body: Buffer; headerLength: string } {
  const head = random.integer(2) === 0 ? Buffer.from(JSON.stringify(binaryHead)) : malformedJson(random, binaryHead);
  const data = random.integer(2) === 0 ? binaryData : random.bytes(random.integer(40));
  const length = String(head.byteLength + random.pick([0, 0, 0, -1, 1, 7, -head.byteLength]));
  const headerLength = random.integer(4) === 0 ? random.pick(['0', '-1', '1e3', '0x10', '', '9'.repeat(20)]) : length;
  return { body: Buffer.concat([head, data]), headerLength };
}

function malformedJson(random: Random, good: object): Buffer {
  const text = JSON.stringify(good);
  const body = Buffer.from(text);
  switch (random.integer(8)) {
    case 0:
      return body.subarray(0, random.integer(body.length));
    case 1: {
      for (let flips = 1 + random.integer(4); flips > 0; flips--)
        body[random.integer(body.length)] = random.integer(256);
      return body;
    }
    case 2: {
      const tokens = text.split(/(?<=[:,[])|(?=[,\]}])/);
      for (let changes = 1 + random.integer(3); changes > 0; changes--)
        tokens[random.integer(tokens.length)] = random.pick(oddTexts);
      return Buffer.from(tokens.join(''));
    }
    case 3:
      return Buffer.from(random.pick(['[', '{"a":', '[{"inputs":']).repeat(1 + random.integer(5_000)));
    case 4:
      return random.bytes(random.integer(300));
    case 5: {
      const at = random.integer(body.length);
      return Buffer.concat([body.subarray(0, at), Buffer.from(random.pick(oddTexts)), body.subarray(at)]);
    }
    default:
      return Buffer.from(JSON.stringify(mutated(random, good as Json, 1 + random.integer(3))));
  }
}

/** Well-formed JSON in which some values, keys or elements are others. */
function mutated(random: Random, good: Json, changes: number): Json {
  let tree = structuredClone(good);
  for (let change = 0; change < changes; change++) {
    const places = placesOf(tree);
    if (places.length === 0) return tree;
    const { holder, key } = random.pick(places);
    const value = holder[key] ?? null;
    switch (random.integer(6)) {
      case 0:
        Reflect.deleteProperty(holder, key);
        break;
      case 1:
        Reflect.defineProperty(holder, random.pick(oddKeys), {
          value,
          enumerable: true,
          writable: true,
          configurable: true,
        });
        break;
      case 2:
        if (Array.isArray(holder)) holder.push(...(holder as Json[]).slice(0, 1_000), value);
        else holder[key] = [value];
        break;
      case 3:
        tree = { inputs: tree };
        break;
      default:
        holder[key] = structuredClone(random.pick(oddValues));
    }
  }
  return tree;
}

/** Every value within a tree, by what holds it. Arrays are objects with numbers for keys. */
function placesOf(tree: Json): { holder: Record<string, Json>; key: string }[] {
  if (tree === null || typeof tree !== 'object') return [];
  const holder = tree as Record<string, Json>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesOf(holder[key] ?? null)]);
}

export const wellFormed = Buffer.from(goodBody);
