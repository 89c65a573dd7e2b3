import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTokenizer, type TextTokenizer } from '../../../../runtime/serving/tasks/text-tokenizer.ts';
import { wordTokenizer } from '../../../support/text-models.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const words = ['a', 'b', 'c', 'd', 'οσ', 'ος', '\u{20000}'];

function tokenizer(
  settings: object = {},
  config: object = {},
  maxLength?: number,
  fixedLength = -1,
): Promise<TextTokenizer> {
  const folder = mkdtempSync(join(tmpdir(), 'modelyard-tokenizer-'));
  folders.push(folder);
  const files = { ...wordTokenizer(words, settings), 'config.json': JSON.stringify(config) };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return readTokenizer('FeatureExtraction', folder, { fixedLength, maxLength });
}

const encoded = ({ tokenize, encode }: TextTokenizer, text: string, pair?: string): number[] => [
  ...encode(tokenize(text), pair === undefined ? undefined : tokenize(pair)).ids,
];

describe('how many tokens a text may have', () => {
  test.each([
    ['tokenizer_config.json', { model_max_length: 128 }, { max_position_embeddings: 512 }, undefined, -1, 128],
    ['config.json', { model_max_length: 1e30 }, { max_position_embeddings: 64 }, undefined, -1, 64],
    [
      'config.json of a model whose positions begin at 2',
      {},
      { model_type: 'roberta', max_position_embeddings: 14 },
      undefined,
      -1,
      12,
    ],
    ['nothing', { model_max_length: undefined }, {}, undefined, -1, 512],
    ['who knows better', { model_max_length: 512 }, { max_position_embeddings: 512 }, 256, -1, 256],
    ['the model itself', { model_max_length: 512 }, {}, 256, 32, 32],
  ])('%s says it', async (_who, settings, config, maxLength, fixedLength, expected) => {
    expect((await tokenizer(settings, config, maxLength, fixedLength)).maxLength).toBe(expected);
  });

  test('no room for a word is a fault of the model', async () => {
    await expect(tokenizer({}, {}, 3)).rejects.toMatchObject({ fault: { reason: 'UnsupportedModel' } });
  });
});

describe('what is cut', () => {
  test('the end of a text, or its beginning where the tokenizer says so; never the special tokens', async () => {
    expect(encoded(await tokenizer({}, {}, 5), 'a b c d')).toEqual([2, 4, 5, 6, 3]);
    expect(encoded(await tokenizer({ truncation_side: 'left' }, {}, 5), 'a b c d')).toEqual([2, 5, 6, 7, 3]);
  });

  test('of a pair the longer text, then both', async () => {
    const eight = await tokenizer({}, {}, 8);
    expect(encoded(eight, 'a b c d', 'a')).toEqual([2, 4, 5, 6, 7, 3, 4, 3]);
    expect(encoded(eight, 'a b c d a', 'd')).toEqual([2, 4, 5, 6, 7, 3, 7, 3]);
    expect(encoded(eight, 'd', 'a b c d a')).toEqual([2, 7, 3, 4, 5, 6, 7, 3]);
    expect(encoded(eight, 'a a a a', 'b b b b b')).toEqual([2, 4, 4, 3, 5, 5, 5, 3]);
    expect(encoded(eight, 'a a a a a', 'b b b b')).toEqual([2, 4, 4, 4, 3, 5, 5, 3]);
  });

  test('a pair tells its texts apart, also an empty one', async () => {
    const { tokenize, encode } = await tokenizer();
    expect(encode(tokenize('a'), tokenize('b'))).toEqual({
      ids: [2, 4, 3, 5, 3],
      typeIds: [0, 0, 0, 1, 1],
      sources: [-1, 0, -1, -1, -1],
    });
    expect(encode(tokenize('a'), tokenize(''))).toEqual({
      ids: [2, 4, 3, 3],
      typeIds: [0, 0, 0, 1],
      sources: [-1, 0, -1, -1],
    });
  });
});

describe('the normaliser does as that of the reference', () => {
  test('a capital sigma is lowered alike wherever it stands', async () => {
    expect(encoded(await tokenizer(), 'ΟΣ')).toEqual([2, 8, 3]);
    expect(encoded(await tokenizer(), 'ος')).toEqual([2, 9, 3]);
  });

  test('rare Chinese characters are words of their own', async () => {
    expect(encoded(await tokenizer(), 'a\u{20000}\u{20000}b')).toEqual([2, 4, 10, 10, 5, 3]);
  });

  test('tokenizer_config.json overrules how letters are lowered', async () => {
    expect(encoded(await tokenizer({ do_lower_case: false }), 'A a')).toEqual([2, 1, 4, 3]);
  });
});

describe('tokens and the parts of the text that they stand for', () => {
  async function parts(file: object, text: string): Promise<[string, string][]> {
    const folder = mkdtempSync(join(tmpdir(), 'modelyard-tokenizer-'));
    folders.push(folder);
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(file));
    const { place, tokenize } = await readTokenizer('TokenClassification', folder, {
      fixedLength: -1,
      maxLength: undefined,
    });
    const placed = place(text);
    expect(placed.map(({ token }) => token)).toEqual(tokenize(text));
    return placed.map(({ token, start, end }) => [token, text.slice(start, end)]);
  }

  test('of bytes: a space is left out, a character of several bytes is the part of each', async () => {
    const bytes = {
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
      post_processor: { type: 'ByteLevel', trim_offsets: true },
      decoder: { type: 'ByteLevel' },
      model: {
        type: 'BPE',
        vocab: Object.fromEntries(['Ġ', 'a', 'b', 'Ġa', 'Ã', '©', 'ð', 'Ł', 'Ļ', 'Ĥ'].map((token, id) => [token, id])),
        merges: ['Ġ a'],
      },
    };
    expect(await parts(bytes, 'ab aé🙂b')).toEqual([
      ['Ġa', 'a'],
      ['b', 'b'],
      ['Ġa', 'a'],
      ['Ã', 'é'],
      ['©', 'é'],
      ...['ð', 'Ł', 'Ļ', 'Ĥ'].map((token): [string, string] => [token, '🙂']),
      ['b', 'b'],
    ]);
  });

  test('of pieces with a mark for a space', async () => {
    const pieces = ['<unk>', '▁', '▁a', 'b', '▁b'];
    const marked = {
      normalizer: { type: 'NFKC' },
      pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
      decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
      model: { type: 'Unigram', unk_id: 0, vocab: pieces.map((piece) => [piece, piece === '▁' ? -9 : -1]) },
    };
    expect(await parts(marked, 'ab  ｂ')).toEqual([
      ['▁a', 'a'],
      ['b', 'b'],
      ['▁', ''],
      ['▁b', 'ｂ'],
    ]);
  });

  test('of words: unknown ones as a whole, with special tokens that stand in the text', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'modelyard-tokenizer-'));
    folders.push(folder);
    for (const [name, content] of Object.entries(wordTokenizer(['pa', '##rt', 'cafe']))) {
      writeFileSync(join(folder, name), content);
    }
    const { place } = await readTokenizer('TokenClassification', folder, { fixedLength: -1, maxLength: undefined });
    const text = 'PART[SEP]who? Café';
    expect(place(text).map(({ token, start, end }) => [token, text.slice(start, end)])).toEqual([
      ['pa', 'PA'],
      ['##rt', 'RT'],
      ['[SEP]', '[SEP]'],
      ['[UNK]', 'who'],
      ['[UNK]', '?'],
      ['cafe', 'Café'],
    ]);
  });
});

test('a text that is too long for the library is refused in words of our own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'modelyard-tokenizer-'));
  folders.push(folder);
  const file = { model: { type: 'Unigram', unk_id: 0, vocab: ['<unk>', 'a', 'b'].map((piece) => [piece, -1]) } };
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(file));
  const bounds = { fixedLength: -1, maxLength: undefined };
  const { tokenize, place } = await readTokenizer('TokenClassification', folder, bounds);
  for (const split of [tokenize, place]) {
    expect(() => split('ab'.repeat(150_000))).toThrow(/^text: has a text that is too long for the tokenizer/);
  }
  expect(tokenize('ab'.repeat(1_000))).toHaveLength(2_000);
});

test('padding is what the files say', async () => {
  expect((await tokenizer({ pad_token: '[UNK]', padding_side: 'left', pad_token_type_id: 3 })).padding).toEqual({
    id: 1,
    typeId: 3,
    side: 'left',
  });
  expect((await tokenizer({ pad_token: null }, { pad_token_id: 7 })).padding.id).toBe(7);
});
