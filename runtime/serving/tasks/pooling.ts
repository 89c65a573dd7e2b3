import { isRecord } from '../json.ts';
import { readModelJson, readModelRecord, unsupportedBy } from './model-files.ts';

/** How the vectors of a text's tokens become one, as sentence-transformers' files beside a model say it. */
export interface Pooling {
  /** One after the other in the vector. */
  modes: readonly PoolingMode[];
  /** To length 1. */
  normalize: boolean;
}

/** Each by its field in 1_Pooling/config.json, in the order in which their vectors follow each other. */
const modeFields = {
  pooling_mode_cls_token: 'cls',
  pooling_mode_max_tokens: 'max',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_mean_sqrt_len_tokens: 'meanSquareRoot',
  pooling_mode_weightedmean_tokens: 'weightedMean',
  pooling_mode_lasttoken: 'lastToken',
} as const;

type PoolingMode = (typeof modeFields)[keyof typeof modeFields];

/** How texts are prepared for a sentence-transformers model, beside its tokenizer. */
export interface SentenceFiles {
  pooling: Pooling;
  maxLength: number | undefined;
  prepare: (text: string) => string;
}

/**
 * modules.json, the pooling's config.json, sentence_bert_config.json and config_sentence_transformers.json. Without modules.json a
 * text's vector is the mean of its tokens', which is what sentence-transformers makes of such a model. Throws ModelFault.
 */
export async function readSentenceFiles(directory: string): Promise<SentenceFiles> {
  const modules = await readModelJson(directory, 'modules.json');
  if (!Array.isArray(modules)) {
    return { pooling: { modes: ['mean'], normalize: false }, maxLength: undefined, prepare: (text) => text };
  }
  const settings = await readModelRecord(directory, 'sentence_bert_config.json');
  const { prompts, default_prompt_name: promptName } = await readModelRecord(
    directory,
    'config_sentence_transformers.json',
  );
  const prompt = isRecord(prompts) && typeof promptName === 'string' ? prompts[promptName] : undefined;
  const prefix = typeof prompt === 'string' ? prompt : '';
  const lower = settings.do_lower_case === true;
  return {
    pooling: await readPooling(directory, modules, prefix),
    maxLength: typeof settings.max_seq_length === 'number' ? settings.max_seq_length : undefined,
    prepare: (text) => {
      const prefixed = `${prefix}${text}`.trim();
      return lower ? prefixed.toLowerCase() : prefixed;
    },
  };
}

async function readPooling(directory: string, modules: readonly unknown[], prefix: string): Promise<Pooling> {
  let modes: PoolingMode[] = [];
  let normalize = false;
  for (const module of modules) {
    const { type, path } = isRecord(module) ? module : {};
    const name = typeof type === 'string' ? type.split('.').at(-1) : undefined;
    if (name === 'Transformer') continue;
    if (name === 'Normalize') normalize = true;
    else if (name === 'Pooling' && typeof path === 'string' && isFolderName(path)) {
      const config = await readModelRecord(directory, `${path}/config.json`);
      modes = modesOf(config);
      if (config.include_prompt === false && prefix !== '') {
        throw unsupportedBy(
          'FeatureExtraction',
          'leaves its prompt out of the pooling (include_prompt), which is not known',
        );
      }
    } else {
      throw unsupportedBy(
        'FeatureExtraction',
        `has the module ${String(type)} in modules.json, which is only known inside the ONNX file,`,
      );
    }
  }
  if (modes.length === 0) {
    throw unsupportedBy('FeatureExtraction', 'has no pooling in modules.json that is known');
  }
  return { modes, normalize };
}

const isFolderName = (path: string): boolean => /^\w[\w.-]*$/.test(path);

/** Newer files name one mode, older ones have a field for each. */
function modesOf(config: Record<string, unknown>): PoolingMode[] {
  const named = ['', '_token', '_tokens'].map((ending) => `pooling_mode_${String(config.pooling_mode)}${ending}`);
  return Object.entries(modeFields)
    .filter(([field]) => config[field] === true || named.includes(field))
    .map(([, mode]) => mode);
}

/**
 * @param states vectors of a text's tokens, `width` numbers each, without those of the padding
 * @returns `width` numbers for each mode; zeros where there is no token
 */
export function pool(states: Float32Array, width: number, { modes, normalize }: Pooling): Float32Array {
  const tokens = width === 0 ? 0 : states.length / width;
  const vector = new Float32Array(width * modes.length);
  modes.forEach((mode, place) => vector.set(poolBy[mode](states, width, tokens), place * width));
  return normalize ? normalized(vector) : vector;
}

type Pool = (states: Float32Array, width: number, tokens: number) => ArrayLike<number>;

/** Sums of the tokens' vectors, each weighted, over a divisor. Added up in 64 bits. */
const weighted =
  (weightOf: (token: number) => number, divisorOf: (tokens: number) => number): Pool =>
  (states, width, tokens) => {
    const sums = new Float64Array(width);
    for (let token = 0; token < tokens; token++) {
      const [weight, from] = [weightOf(token), token * width];
      for (let i = 0; i < width; i++) sums[i] = (sums[i] ?? 0) + weight * (states[from + i] ?? 0);
    }
    const divisor = Math.max(divisorOf(tokens), 1e-9);
    return sums.map((sum) => sum / divisor);
  };

const one = (): number => 1;

const poolBy: Readonly<Record<PoolingMode, Pool>> = {
  cls: (states, width) => states.subarray(0, width),
  lastToken: (states, width, tokens) => states.subarray(Math.max(0, tokens - 1) * width, tokens * width),
  max: (states, width, tokens) => {
    const largest = new Float32Array(states.subarray(0, width));
    for (let at = width; at < tokens * width; at++) {
      largest[at % width] = Math.max(largest[at % width] ?? 0, states[at] ?? 0);
    }
    return largest;
  },
  mean: weighted(one, (tokens) => tokens),
  meanSquareRoot: weighted(one, Math.sqrt),
  weightedMean: weighted(
    (token) => token + 1,
    (tokens) => (tokens * (tokens + 1)) / 2,
  ),
};

function normalized(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return vector.map((value) => value / Math.max(length, 1e-12));
}
