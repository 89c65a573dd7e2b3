/**
 * What we use of @huggingface/tokenizers 0.2, whose own declarations TypeScript cannot resolve for ECMAScript modules. It takes
 * tokenizer.json and tokenizer_config.json, parsed, and throws Error for what it does not know.
 */
export interface HuggingFaceTokenizer {
  readonly normalizer: { config: unknown } | null;
  readonly model: { unk_token_id?: number } | null;
  /** Adds special tokens. */
  readonly post_processor:
    ((tokens: string[], pair: string[] | null, addSpecialTokens: boolean) => PostProcessed) | null;
  /** Without special tokens. */
  tokenize(text: string): string[];
  token_to_id(token: string): number | undefined;
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
