import { checkWhole, maxFeatures } from './checks.ts';
import { invalid } from '../errors.ts';
import type { RowSource } from './model.ts';
import { maskNeighbourhood, wordMasks } from './neighbourhood.ts';
import type { TextRequest, Word } from './request.ts';
import type { Masker, Subject, Subjects } from './subject.ts';

type Texts = readonly string[];

/** A text cut into words and what lies between them. Together the pieces are the text. */
interface Pieces {
  pieces: string[];
  /** Which word each piece is; -1 for what lies between. */
  wordOf: Int32Array;
  words: Word[];
}

/** Runs of letters, marks, digits and underscores, in any script. */
const word = /[\p{L}\p{M}\p{N}_]+/gu;

export function textSubjects({ texts }: TextRequest): Subjects<Texts, { words: Word[][] }> {
  if (texts.length === 0) throw invalid('texts: is empty; give at least one text');
  const cut = texts.map((text, index) => {
    const pieces = piecesOf(text);
    const field = `texts[${index}]`;
    if (pieces.words.length === 0) throw invalid(`${field}: has no words; an explanation needs at least one`);
    checkWhole(`the number of different words of ${field}`, pieces.words.length, 1, maxFeatures);
    return pieces;
  });
  return {
    instances: textRows(texts.length, texts, (row) => texts[row] ?? ''),
    all: cut.map(subjectOf),
    about: { words: cut.map(({ words }) => words) },
  };
}

function subjectOf(pieces: Pieces): Subject<Texts> {
  const masker = textMasker(pieces);
  return {
    features: pieces.words.length,
    masker,
    neighbourhood: (samples, seed, signal) => maskNeighbourhood(masker, wordMasks, { samples, seed, signal }),
  };
}

function piecesOf(text: string): Pieces {
  const pieces: string[] = [];
  const wordOf: number[] = [];
  const words: Word[] = [];
  const known = new Map<string, number>();
  let end = 0;
  const add = (piece: string, index: number): void => {
    if (piece === '') return;
    pieces.push(piece);
    wordOf.push(index);
  };
  for (const { 0: found, index: at } of text.matchAll(word)) {
    add(text.slice(end, at), -1);
    const index = known.get(found) ?? words.length;
    if (index === words.length) words.push({ word: found, at: [] });
    known.set(found, index);
    words[index]?.at.push(at);
    add(found, index);
    end = at + found.length;
  }
  add(text.slice(end), -1);
  return { pieces, wordOf: Int32Array.from(wordOf), words };
}

/** Takes words away with nothing in their place: what lies between them stays. */
function textMasker({ pieces, wordOf, words }: Pieces): Masker<Texts> {
  const parts = words.length;
  const kept = (masks: Uint8Array, row: number): string =>
    pieces.filter((_, piece) => (wordOf[piece] ?? 0) < 0 || masks[row * parts + (wordOf[piece] ?? 0)] === 1).join('');
  const rows = (masks: Uint8Array): RowSource<Texts> =>
    textRows(masks.length / parts, pieces, (row) => kept(masks, row));
  return { places: Int32Array.from(words.keys()), rowsPerMask: 1, nothing: rows(new Uint8Array(parts)), rows };
}

/** @param like texts no shorter than a row, or pieces that make up one */
const textRows = (count: number, like: Texts, row: (row: number) => string): RowSource<Texts> => ({
  count,
  rowBytes: like.reduce((sum, text) => sum + 2 * text.length, 1),
  batch: (from, to) => Array.from({ length: to - from }, (_, index) => row(from + index)),
});
