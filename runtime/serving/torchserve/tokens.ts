import { hash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { torchServeTokens, type TorchServeToken } from '../../contract.ts';

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
    return timingSafeEqual(hash('sha256', given, 'buffer'), expected);
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

const readDigests = (folder: string): Digests => ({
  inference: readDigest(join(folder, 'inference')),
  management: readDigest(join(folder, 'management')),
});

function readDigest(file: string): Buffer | undefined {
  // The kubelet may remove what it has just replaced; then there is something newer to read.
  const token = (tryRead(file) ?? tryRead(file) ?? '').trim();
  if (token === '') return undefined;
  const [, hex] = /^sha256:([0-9a-f]{64})$/i.exec(token) ?? [];
  return hex === undefined ? hash('sha256', token, 'buffer') : Buffer.from(hex, 'hex');
}

function tryRead(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
