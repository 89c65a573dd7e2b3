import { initializer, onnxModel, type Value } from './onnx-builder.ts';

/** The special tokens of `wordTokenizer`; words follow them. */
const specialTokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'];

/** What Hugging Face's libraries save of a BERT tokenizer with these words, as files beside a model. `##` begins a word's further parts. */
export function wordTokenizer(words: readonly string[], settings: object = {}): Record<string, string> {
  const vocabulary = [...specialTokens, ...words];
  const special = (token: string, type: number) => ({ SpecialToken: { id: token, type_id: type } });
  const sequence = (id: 'A' | 'B', type: number) => ({ Sequence: { id, type_id: type } });
  const file = {
    version: '1.0',
    added_tokens: specialTokens.map((content, id) => ({ id, content, special: true, normalized: false })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)],
      pair: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0), sequence('B', 1), special('[SEP]', 1)],
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
    },
  };
  return {
    'tokenizer.json': JSON.stringify(file),
    'tokenizer_config.json': JSON.stringify({ pad_token: '[PAD]', model_max_length: 512, ...settings }),
  };
}

interface TokenModel {
  /** Numbers of each token: those of `specialTokens` first. */
  table: readonly (readonly number[])[];
  /** Whether the numbers of all attended tokens are added up, or given token by token. */
  sums: boolean;
  output: string;
  type?: 'INT64' | 'INT32';
  inputs?: readonly string[];
  shape?: Value['shape'];
}

/** Gives the numbers that a table has of each token, as a task's model of tokens would: FLOAT [n, s, width], or summed [n, width]. */
export function tokenModel({
  table,
  sums,
  output,
  type = 'INT64',
  inputs,
  shape = ['n', 's'],
}: TokenModel): Uint8Array {
  const width = table[0]?.length ?? 0;
  const names = inputs ?? ['input_ids', 'attention_mask'];
  const masked = names.includes('attention_mask');
  const found = sums || !masked ? 'found' : output;
  return onnxModel({
    nodes: [
      { op: 'Gather', inputs: ['table', 'input_ids'], outputs: [sums ? 'found' : output] },
      ...(sums
        ? [
            {
              op: 'Cast',
              inputs: [masked ? 'attention_mask' : 'input_ids'],
              outputs: ['mask'],
              attributes: [{ name: 'to', int: 1 }],
            },
            { op: 'Unsqueeze', inputs: ['mask', 'last'], outputs: ['column'] },
            { op: 'Mul', inputs: [found, 'column'], outputs: ['attended'] },
            {
              op: 'ReduceSum',
              inputs: ['attended', 'middle'],
              outputs: [output],
              attributes: [{ name: 'keepdims', int: 0 }],
            },
          ]
        : []),
    ],
    initializers: [
      initializer.float('table', table.flat(), [table.length, width]),
      initializer.int64('last', [2], [1]),
      initializer.int64('middle', [1], [1]),
    ],
    inputs: names.map((name) => ({ name, type, shape })),
    outputs: [{ name: output, type: 'FLOAT', shape: sums ? [shape[0] ?? 'n', width] : [...shape, width] }],
  });
}
