import type { RunRequest, RunResult } from '../messages.ts';
import { nearlyEqual } from '../nearly-equal.ts';
import { failureOf } from '../run-failure.ts';
import { floatsOf, type Tensor } from '../tensor.ts';
import type { Run } from './task.ts';
import { padTexts, type TokenInputs } from './token-inputs.ts';
import type { EncodedText, TextTokenizer } from './text-tokenizer.ts';

/** A model that takes tokens and gives numbers. */
export interface TextModel {
  tokenizer: TextTokenizer;
  inputs: TokenInputs;
  /** The name of the output to read: FP32 or FP16, [texts, values] or [texts, tokens, values]. */
  output: string;
}

/** What a model says of one text: `values` numbers of the text, or of each of its tokens, without its padding. */
export interface TextStates {
  data: Float32Array;
  values: number;
  /** Undefined where the numbers are of the text as a whole. */
  tokens: number | undefined;
}

/** What a task does before and after. */
export interface TextSteps<Text extends EncodedText = EncodedText> {
  /** Throws RequestError. */
  encode(request: RunRequest): Text[];
  /** The texts of one request in order, and what the model says of each. */
  toOutputs(request: RunRequest, states: readonly TextStates[], texts: readonly Text[]): Tensor[];
}

interface Item {
  /** The number of its request. */
  request: number;
  text: EncodedText;
}

/**
 * Answers requests that came together: all their texts, sorted by length, in as few runs as keep short texts from being
 * padded to the length of long ones. A request that cannot be answered costs the others nothing.
 */
export async function answerTexts<Text extends EncodedText>(
  model: TextModel,
  steps: TextSteps<Text>,
  requests: readonly RunRequest[],
  run: Run,
): Promise<RunResult[]> {
  const results = new Array<RunResult | undefined>(requests.length);
  const encoded = requests.map((request, index) => {
    try {
      return steps.encode(request);
    } catch (error) {
      results[index] = failureOf(error);
      return [];
    }
  });
  const items = encoded.flatMap((texts, request) => texts.map((text): Item => ({ request, text })));
  const states = new Map<EncodedText, TextStates>();
  const runItems = async (group: readonly Item[]): Promise<void> => {
    const wanted = group.filter(({ request }) => results[request] === undefined);
    if (wanted.length === 0) return;
    const texts = wanted.map(({ text }) => text);
    const found = await runTexts(model, texts, run);
    if (found.ok) {
      texts.forEach((text, row) => states.set(text, found.states(row)));
      return;
    }
    const owners = [...new Set(wanted.map(({ request }) => request))];
    const [owner, ...others] = owners;
    if (owner !== undefined && others.length === 0) results[owner] = found.failure;
    else for (const one of owners) await runItems(wanted.filter(({ request }) => request === one));
  };
  for (const group of planRuns(
    items.map(({ text }) => text.ids.length),
    model.inputs,
  )) {
    await runItems(group.flatMap((index) => items[index] ?? []));
  }
  return requests.map((request, index) => {
    const failed = results[index];
    if (failed) return failed;
    const texts = encoded[index] ?? [];
    try {
      return {
        ok: true,
        outputs: steps.toOutputs(
          request,
          texts.flatMap((text) => states.get(text) ?? []),
          texts,
        ),
      };
    } catch (error) {
      return failureOf(error);
    }
  });
}

/**
 * Whether the model says the same of two texts of different lengths, apart and together. One that cannot be told what
 * padding is, or whose numbers depend on all rows of a run, does not.
 */
export async function mergesTexts(model: TextModel, run: Run): Promise<boolean> {
  if (model.inputs.rows === 1) return false;
  const texts = ['a', 'b c d e f g h'].map((text) => model.tokenizer.encode(model.tokenizer.tokenize(text)));
  const together = await runTexts(model, texts, run);
  for (const [row, text] of texts.entries()) {
    const alone = await runTexts(model, [text], run);
    if (!together.ok || !alone.ok || !nearlyEqual(alone.states(0).data, together.states(row).data)) return false;
  }
  return true;
}

type FoundStates = { ok: true; states: (row: number) => TextStates } | { ok: false; failure: RunResult };

async function runTexts(model: TextModel, texts: readonly EncodedText[], run: Run): Promise<FoundStates> {
  const { tensors, length, starts } = padTexts(model.inputs, texts, model.tokenizer.padding);
  const result = await run({ inputs: tensors, outputs: [model.output] });
  if (!result.ok) return { ok: false, failure: result };
  const output = result.outputs[0];
  const [rows, ...shape] = output?.shape ?? [];
  const isWhole = shape.length === 1;
  if (!output || rows !== texts.length || (!isWhole && (shape.length !== 2 || shape[0] !== length))) {
    const message = `the model gave ${model.output} as ${JSON.stringify(output?.shape)} for ${texts.length} texts of ${length} tokens`;
    return { ok: false, failure: { ok: false, reason: 'Failed', message } };
  }
  const numbers = floatsOf(output);
  const values = shape.at(-1) ?? 0;
  return {
    ok: true,
    states: (row) => {
      const [from, count] = isWhole ? [row, 1] : [row * length + (starts[row] ?? 0), texts[row]?.ids.length ?? 0];
      const data = numbers.subarray(from * values, (from + count) * values);
      return { data, values, tokens: isWhole ? undefined : count };
    },
  };
}

/** Tokens of a run with their padding: more of them at a time are no faster on a CPU, and cost memory. */
const tokensOfRun = 4_096;
/** From so many tokens on a run is not made larger by texts that are shorter than the share of its longest one. */
const fullRun = 512;
const shareOfLongest = 0.8;

/**
 * Which texts run together: their indexes, run by run, longest texts first.
 *
 * @param lengths of the texts, in tokens
 */
export function planRuns(lengths: readonly number[], { rows, masked, length }: TokenInputs): number[][] {
  const order = [...lengths.keys()].sort((a, b) => (lengths[b] ?? 0) - (lengths[a] ?? 0) || a - b);
  const runs: number[][] = [];
  let longest = 0;
  for (const index of order) {
    const own = length > 0 ? length : Math.max(1, lengths[index] ?? 0);
    const run = runs.at(-1);
    const tokens = longest * ((run?.length ?? 0) + 1);
    const fits =
      run !== undefined &&
      rows === -1 &&
      tokens <= tokensOfRun &&
      (masked || own === longest) &&
      (own >= shareOfLongest * longest || tokens <= fullRun);
    if (fits) run.push(index);
    else {
      runs.push([index]);
      longest = own;
    }
  }
  return runs;
}
