import type { ServedTask } from '../../contract.ts';
import { invalid } from '../../errors.ts';
import { isRecord } from '../json.ts';
import { importTokenizer, type HuggingFaceTokenizer } from './hugging-face-tokenizer.ts';
import { placeTokens, type PlacedToken } from './token-offsets.ts';
import { readModelJson, readModelRecord, unsupportedBy } from './model-files.ts';

/** What a model is fed of a text, and of the text that it is paired with. */
export interface EncodedText {
  ids: readonly number[];
  /** Which text of a pair each token is of; as long as `ids`. */
  typeIds: readonly number[];
  /** The place of each among the tokens of the text, -1 for special ones and those of the other text of a pair; likewise. */
  sources: readonly number[];
}

/** A tokenizer with the limits of its model. */
export interface TextTokenizer {
  /** Tokens of a text, special ones included; what is beyond is cut off. */
  readonly maxLength: number;
  readonly padding: { id: number; typeId: number; side: 'left' | 'right' };
  /** Tokens of a text alone, without special ones, uncut. */
  readonly tokenize: (text: string) => string[];
  /** The same tokens, with the parts of the text that they stand for. */
  readonly place: (text: string) => PlacedToken[];
  /** Whether a token says by itself that it goes on with a word, as `##ing` does. */
  readonly marksParts: boolean;
  /** What stands for words that are not known. */
  readonly unknown: string | undefined;
  /** Cuts to `maxLength`, a pair's longer text first, and adds special tokens. */
  readonly encode: (tokens: readonly string[], pair?: readonly string[]) => EncodedText;
}

/** Beyond what any model takes: libraries write such numbers for "no limit". */
const noLimit = 1_000_000;

/**
 * The tokenizer beside a model: tokenizer.json, with tokenizer_config.json and config.json for its limits, as Hugging Face's
 * libraries write and read them. Throws ModelFault.
 *
 * @param bounds of the model itself: `fixedLength` where it takes so many tokens and no other number of them, -1 where
 *   any; `maxLength` where something knows better than tokenizer_config.json
 */
export async function readTokenizer(
  task: ServedTask,
  directory: string,
  bounds: { fixedLength: number; maxLength: number | undefined },
): Promise<TextTokenizer> {
  const file = await readModelJson(directory, 'tokenizer.json');
  if (!isRecord(file))
    throw unsupportedBy(task, "has no tokenizer.json, which Hugging Face's tokenizers save, beside it");
  const settings = await readModelRecord(directory, 'tokenizer_config.json');
  const config = await readModelRecord(directory, 'config.json');
  const Tokenizer = await importTokenizer();
  const create = (): HuggingFaceTokenizer => {
    try {
      return new Tokenizer(withNormalizerSettings(file, settings), settings);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw unsupportedBy(task, `has a tokenizer.json that cannot be used (${reason.slice(0, 200)})`);
    }
  };
  const tokenizer = create();
  const plain = plainFor(tokenizer.normalizer?.config);
  const { post_processor: postProcessor } = tokenizer;
  const unknown = tokenizer.model?.unk_token_id;

  const assemble = (first: readonly string[], second?: readonly string[]) => {
    const pair = second ? [...second] : null;
    const made = postProcessor?.([...first], pair, true) ?? { tokens: [...first], tokens_pair: pair };
    // One that adds no special tokens leaves the pair apart.
    return { tokens: [...made.tokens, ...(made.tokens_pair ?? [])], typeIds: made.token_type_ids };
  };
  const bytes = JSON.stringify(file.pre_tokenizer ?? null).includes('"ByteLevel"');
  const leading = assemble(['']).tokens.indexOf('');
  const fromLeft = settings.truncation_side === 'left';
  const special = { single: assemble([]).tokens.length, pair: assemble([], []).tokens.length };
  const maxLength = maxLengthOf(settings, config, bounds);
  if (special.pair >= maxLength) {
    throw unsupportedBy(task, `takes ${maxLength} tokens, of which none is left beside the special ones,`);
  }
  return {
    maxLength,
    padding: paddingOf(file, settings, config, (token) => tokenizer.token_to_id(token)),
    tokenize: (text) => withinReach(() => tokenizer.tokenize(plain(text))),
    place: (text) => withinReach(() => placeTokens(tokenizer, text, { plain, bytes })),
    marksParts: Boolean(tokenizer.model?.config.continuing_subword_prefix),
    unknown: tokenizer.model?.unk_token,
    encode: (tokens, pair) => {
      const room = maxLength - (pair ? special.pair : special.single);
      const [first, second] = cut(tokens, pair, room, fromLeft);
      const left = fromLeft ? tokens.length - first.length : 0;
      const { tokens: all, typeIds: typesOf } = assemble(first, second);
      const ids: number[] = [];
      const typeIds: number[] = [];
      const sources: number[] = [];
      all.forEach((token, index) => {
        const id = tokenizer.token_to_id(token) ?? unknown;
        // A tokenizer without an unknown token drops what it does not know.
        if (id === undefined) return;
        ids.push(id);
        typeIds.push(typesOf?.[index] ?? 0);
        const source = index - leading;
        sources.push(source >= 0 && source < first.length ? source + left : -1);
      });
      return { ids, typeIds, sources };
    },
  };
}

/** The library passes tokens as arguments, of which there may not be too many. Throws RequestError. */
function withinReach<T>(split: () => T): T {
  try {
    return split();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalid('text: has a text that is too long for the tokenizer of the model; send its beginning alone');
  }
}

/** transformers lets tokenizer_config.json overrule how a BERT tokenizer normalises. */
function withNormalizerSettings(
  file: Record<string, unknown>,
  settings: Record<string, unknown>,
): Record<string, unknown> {
  const { normalizer } = file;
  const complete = { added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };
  if (!isRecord(normalizer) || normalizer.type !== 'BertNormalizer') return { ...complete, ...file };
  const chosen = Object.entries({
    lowercase: settings.do_lower_case,
    strip_accents: settings.strip_accents,
    handle_chinese_chars: settings.tokenize_chinese_chars,
  }).filter(([, value]) => typeof value === 'boolean');
  return { ...complete, ...file, normalizer: { ...normalizer, ...Object.fromEntries(chosen) } };
}

/**
 * What makes the library's normalizers do as those in Rust do, character by character: JavaScript lowers a sigma at the end of a word to
 * another letter, and BERT's spaces around Chinese characters are left out beyond U+FFFF.
 */
function plainFor(normalizer: unknown): (text: string) => string {
  const { lowers, spaces } = traitsOf(normalizer);
  return (text) => {
    const lowered = lowers ? text.replaceAll('\u03a3', '\u03c3') : text;
    return spaces ? lowered.replace(rareIdeographs, ' $& ') : lowered;
  };
}

const rareIdeographs = /[\u{20000}-\u{2a6df}\u{2a700}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

function traitsOf(normalizer: unknown): { lowers: boolean; spaces: boolean } {
  if (!isRecord(normalizer)) return { lowers: false, spaces: false };
  const { type, normalizers } = normalizer;
  const inner = Array.isArray(normalizers) ? normalizers.map(traitsOf) : [];
  const isBert = type === 'BertNormalizer';
  return {
    lowers: type === 'Lowercase' || (isBert && normalizer.lowercase === true) || inner.some(({ lowers }) => lowers),
    spaces: (isBert && normalizer.handle_chinese_chars === true) || inner.some(({ spaces }) => spaces),
  };
}

/** Positions of these models begin behind the padding's. */
const offsetPositions = /roberta|camembert|mpnet|longformer/;

function maxLengthOf(
  settings: Record<string, unknown>,
  config: Record<string, unknown>,
  bounds: { fixedLength: number; maxLength: number | undefined },
): number {
  if (bounds.fixedLength > 0) return Math.min(bounds.fixedLength, bounds.maxLength ?? Infinity);
  const isLimit = (value: unknown): value is number => typeof value === 'number' && value >= 1 && value < noLimit;
  const offset = offsetPositions.test(String(config.model_type)) ? Number(config.pad_token_id ?? 1) + 1 : 0;
  const positions = isLimit(config.max_position_embeddings) ? config.max_position_embeddings - offset : undefined;
  const limits = [bounds.maxLength ?? settings.model_max_length, positions].filter(isLimit);
  return limits.length > 0 ? Math.min(...limits) : 512;
}

function paddingOf(
  file: Record<string, unknown>,
  settings: Record<string, unknown>,
  config: Record<string, unknown>,
  idOf: (token: string) => number | undefined,
): TextTokenizer['padding'] {
  const { pad_token: token, padding_side: side, pad_token_type_id: typeId } = settings;
  const content = isRecord(token) ? token.content : token;
  const own = isRecord(file.padding) ? file.padding.pad_id : undefined;
  const id = (typeof content === 'string' ? idOf(content) : undefined) ?? own ?? config.pad_token_id;
  return {
    id: typeof id === 'number' ? id : 0,
    typeId: typeof typeId === 'number' ? typeId : 0,
    side: side === 'left' ? 'left' : 'right',
  };
}

/** Of a pair the longer text is cut first, down to the length of the other one; then both. */
function cut(
  first: readonly string[],
  second: readonly string[] | undefined,
  room: number,
  fromLeft: boolean,
): [readonly string[], readonly string[] | undefined] {
  const keep = (tokens: readonly string[], count: number): readonly string[] =>
    tokens.length <= count ? tokens : fromLeft ? tokens.slice(tokens.length - count) : tokens.slice(0, count);
  if (!second) return [keep(first, room), undefined];
  if (first.length + second.length <= room) return [first, second];
  const short = Math.min(first.length, second.length, Math.floor(room / 2));
  const long = room - short;
  return first.length <= second.length
    ? [keep(first, short), keep(second, long)]
    : [keep(first, long), keep(second, short)];
}
