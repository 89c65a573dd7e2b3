import { timingSafeEqual } from 'node:crypto';
import { torchServeTokens, type TorchServeToken } from '../../contract.ts';
import { readMounted } from '../access/mounted-files.ts';
import { digestIn, digestOf } from '../access/secret-digest.ts';

export interface TokensOptions {
  /** With a file for each of `torchServeTokens`: the token, or `sha256:HEX` of it. */
  folder: string;
  now: () => number;
}

/** How long files that were read count: the kubelet renews them without a restart. */
const freshMs = 1_000;

type Digests = Record<TorchServeToken, Buffer | undefined>;

/** Who may call what. A token whose file is away or empty lets nobody in. */
export class Tokens {
  readonly #options: TokensOptions;
  #digests: Digests;
  #readAtMs: number;

  constructor(options: TokensOptions) {
    this.#options = options;
    this.#readAtMs = options.now();
    this.#digests = readDigests(options.folder);
  }

  /** The keys of the Secret that hold no token. */
  get missing(): TorchServeToken[] {
    return torchServeTokens.filter((kind) => this.#digests[kind] === undefined);
  }

  /**
   * Whether a request has this token, in its only Authorization header. Takes as long for a wrong token as for a right one.
   *
   * @param rawHeaders names and values in turn, as they came
   */
  allow(kind: TorchServeToken, rawHeaders: readonly string[]): boolean {
    const { folder, now } = this.#options;
    if (now() - this.#readAtMs >= freshMs) {
      this.#readAtMs = now();
      this.#digests = readDigests(folder);
    }
    const expected = this.#digests[kind];
    const given = bearerIn(rawHeaders);
    if (expected === undefined || given === undefined) return false;
    return timingSafeEqual(digestOf(given), expected);
  }
}

/** TorchServe takes the scheme in this spelling alone. With two headers, which one counts would differ between servers on the way. */
function bearerIn(rawHeaders: readonly string[]): string | undefined {
  const given = rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'authorization',
  );
  const [only] = given;
  return given.length === 1 ? /^Bearer ([!-~]+)$/.exec(only ?? '')?.[1] : undefined;
}

function readDigests(folder: string): Digests {
  const files = readMounted(folder);
  return { inference: tokenDigest(files?.get('inference')), management: tokenDigest(files?.get('management')) };
}

function tokenDigest(text = ''): Buffer | undefined {
  const token = text.trim();
  return token === '' ? undefined : (digestIn(token) ?? digestOf(token));
}
