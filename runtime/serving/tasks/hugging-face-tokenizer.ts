/**
 * What we use of @huggingface/tokenizers 0.2, whose own declarations TypeScript cannot resolve for ECMAScript modules. It takes
 * tokenizer.json and tokenizer_config.json, parsed, and throws Error for what it does not know.
 */
export interface HuggingFaceTokenizer {
  readonly normalizer: (((text: string) => string) & { config: unknown }) | null;
  /** Words, of which the model makes tokens. `section_index` is the number of the part of a text between special tokens. */
  readonly pre_tokenizer: ((text: string, options: { section_index: number }) => string[]) | null;
  readonly model: TokenModel | null;
  /** Adds special tokens. */
  readonly post_processor:
    ((tokens: string[], pair: string[] | null, addSpecialTokens: boolean) => PostProcessed) | null;
  /** Without special tokens. */
  tokenize(text: string): string[];
  token_to_id(token: string): number | undefined;
  get_added_tokens_decoder(): Map<number, { content: string; normalized: boolean }>;
}

interface TokenModel {
  (words: string[]): string[];
  unk_token?: string;
  unk_token_id?: number;
  config: { continuing_subword_prefix?: string | null };
}

interface PostProcessed {
  tokens: string[];
  tokens_pair?: string[] | null;
  token_type_ids?: number[];
}

type Constructor = new (file: object, settings: object) => HuggingFaceTokenizer;

/** Only model processes with a task that needs it load the library. */
export async function importTokenizer(): Promise<Constructor> {
  const library = (await import('@huggingface/tokenizers')) as unknown as { Tokenizer: Constructor };
  return library.Tokenizer;
}
