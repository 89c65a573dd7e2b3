import type { HuggingFaceTokenizer } from './hugging-face-tokenizer.ts';

/** A token and the part of the text that it stands for, in UTF-16 code units from `start` to below `end`. */
export interface PlacedToken {
  token: string;
  start: number;
  end: number;
}

/** A normalised text, and for each of its UTF-16 code units the part of the original text that it came of. */
interface Normalised {
  text: string;
  starts: number[];
  ends: number[];
}

/** How a tokenizer is to be read beside its own parts. */
interface Reading {
  /** Goes before the normalizer, and works on each character alone. */
  plain: (text: string) => string;
  /** Whether tokens are made of bytes, each written as one character. */
  bytes: boolean;
}

/**
 * The tokens of a text as `tokenize` gives them, with their places, which the library does not keep: each is looked for in the normalised
 * text behind the one before it.
 */
export function placeTokens(tokenizer: HuggingFaceTokenizer, text: string, reading: Reading): PlacedToken[] {
  const placed: PlacedToken[] = [];
  let offset = 0;
  sections(tokenizer, text).forEach(({ content, added }, index) => {
    const tokens = added
      ? [{ token: content, start: 0, end: content.length }]
      : placeIn(tokenizer, content, index, reading);
    for (const { token, start, end } of tokens) placed.push({ token, start: start + offset, end: end + offset });
    offset += content.length;
  });
  return placed;
}

/** The text, cut at special tokens that are written in it. */
function sections(tokenizer: HuggingFaceTokenizer, text: string): { content: string; added: boolean }[] {
  const added = [...tokenizer.get_added_tokens_decoder().values()]
    .filter(({ normalized }) => !normalized)
    .map(({ content }) => content)
    .sort((a, b) => b.length - a.length);
  if (added.length === 0) return [{ content: text, added: false }];
  const literal = (content: string): string =>
    Array.from(content, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`).join('');
  const pattern = new RegExp(`(${added.map(literal).join('|')})`, 'u');
  return text
    .split(pattern)
    .map((content, index) => ({ content, added: index % 2 === 1 }))
    .filter(({ content }) => content !== '');
}

function placeIn(tokenizer: HuggingFaceTokenizer, section: string, index: number, reading: Reading): PlacedToken[] {
  const { pre_tokenizer: preTokenizer, model } = tokenizer;
  const normalised = normalise(tokenizer, section, reading.plain);
  const words = preTokenizer?.(normalised.text, { section_index: index }) ?? [normalised.text];
  const places = reading.bytes ? new BytePlaces(normalised.text) : new CharacterPlaces(normalised.text);
  return words.flatMap((word) => {
    const tokens = model?.([word]) ?? [];
    // A word that is not known is one token, whatever it is made of.
    const isUnknown = tokens.length === 1 && tokens[0] === model?.unk_token;
    return tokens.map((token, position): PlacedToken => {
      const [from, to] = places.next(isUnknown ? word : surfaceOf(token, position, tokenizer));
      const end = normalised.ends[to - 1] ?? 0;
      return { token, start: from < to ? (normalised.starts[from] ?? end) : end, end };
    });
  });
}

/** What a token says of the text: the first of a word has no prefix. */
function surfaceOf(token: string, position: number, { model }: HuggingFaceTokenizer): string {
  const prefix = model?.config.continuing_subword_prefix ?? '';
  return position > 0 && token.startsWith(prefix) ? token.slice(prefix.length) : token;
}

/** Character by character, so that each result is known to come of it; with its accents where they change together. */
function normalise({ normalizer }: HuggingFaceTokenizer, section: string, plain: Reading['plain']): Normalised {
  const normalised: Normalised = { text: '', starts: [], ends: [] };
  const made = (part: string): string => (normalizer ? normalizer(plain(part)) : part);
  let at = 0;
  const add = (part: string, result: string): void => {
    normalised.text += result;
    const units = new Array<number>(result.length);
    normalised.starts.push(...units.fill(at));
    at += part.length;
    normalised.ends.push(...units.fill(at));
  };
  for (const [part] of section.matchAll(/\P{M}\p{M}*|\p{M}+/gsu)) {
    const together = made(part);
    const apart = Array.from(part, (character) => ({ character, result: made(character) }));
    if (apart.map(({ result }) => result).join('') !== together) add(part, together);
    else for (const { character, result } of apart) add(character, result);
  }
  return normalised;
}

/** Tokens of characters. A space may be written as U+2581, also where there is none. */
class CharacterPlaces {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(surface: string): [from: number, to: number] {
    const visible = surface.replaceAll('\u2581', '').trim();
    const found = visible === '' ? -1 : this.#text.indexOf(visible, this.#at);
    if (found === -1) return [this.#at, this.#at];
    this.#at = found + visible.length;
    return [found, this.#at];
  }
}

/** Tokens of bytes of the text's UTF-8, all of them in order; a space at the front may be an added one. */
class BytePlaces {
  readonly #text: string;
  /** The UTF-16 code unit that each byte belongs to. */
  readonly #units: number[] = [];
  #at = 0;
  #first = true;

  constructor(text: string) {
    this.#text = text;
    let unit = 0;
    for (const character of text) {
      for (let byte = 0; byte < Buffer.byteLength(character); byte++) this.#units.push(unit);
      unit += character.length;
    }
  }

  next(surface: string): [from: number, to: number] {
    const spaces = /^\u0120*/u.exec(surface)?.[0].length ?? 0;
    const isAdded = this.#first && spaces > 0 && !this.#text.startsWith(' ');
    this.#first = false;
    const begin = this.#at + spaces - (isAdded ? 1 : 0);
    this.#at += surface.length - (isAdded ? 1 : 0);
    const from = this.#units[begin] ?? this.#text.length;
    const last = this.#units[this.#at - 1];
    if (last === undefined || begin >= this.#at) return [from, from];
    return [from, last + ((this.#text.codePointAt(last) ?? 0) > 0xffff ? 2 : 1)];
  }
}
