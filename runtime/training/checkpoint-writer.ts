import { createHash } from 'node:crypto';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { backoffMs } from '../../lib/backoff.ts';
import { TrainingFailure } from '../errors.ts';
import { storeErrorIn } from '../store/errors.ts';
import type { WritableFolder } from '../store/writable-folder.ts';
import type { TrainingFault } from '../training-contract.ts';
import { pieceLength, type Piece } from './checkpoint-format.ts';
import { bytesOf } from './transport/connection.ts';

export interface Patience {
  random: () => number;
  /** Aborted: give up. */
  signal: AbortSignal;
  /** Called whenever it has to be tried again, and with undefined when it went well after that. */
  onTrouble: (fault: TrainingFault | undefined) => void;
}

const backoff = { baseMs: 500, maxMs: 30_000, jitter: 0.2 };

/** Bytes that are hashed without letting anything else happen. */
const hashBytes = 4 * 1024 * 1024;

/** Vectors of one slice of a version. */
export interface SliceContent {
  /** Where the slice begins in the flat vector. */
  from: number;
  vectors: readonly Float32Array[];
}

/**
 * Writes a slice piece by piece. Storage that fails is tried until it works. Rejects only when the signal is aborted.
 *
 * @param folder of the checkpoint; ends with `/`
 */
export async function writePieces(
  store: WritableFolder,
  folder: string,
  { from, vectors }: SliceContent,
  patience: Patience,
  wrote: () => void | Promise<void> = () => undefined,
): Promise<Piece[]> {
  const pieces: Piece[] = [];
  for (const [vector, values] of vectors.entries()) {
    for (let at = 0; at < values.length; at += pieceLength) {
      const part = values.subarray(at, at + pieceLength);
      const [pieceFrom, pieceTo] = [from + at, from + at + part.length];
      const path = `${vector}-${pieceFrom}-${pieceTo}.f32`;
      const sha256 = await digestOf(bytesOf(part), patience.signal);
      await persistently(() => store.write(folder + path, [bytesOf(part)]), patience);
      await wrote();
      pieces.push({ path, vector, from: pieceFrom, to: pieceTo, sha256 });
    }
  }
  return pieces;
}

/**
 * Repeats what fails for a passing reason, with growing pauses, until it works. Rejects with TrainingFailure where no repeating helps, with errors
 * that are no faults, and with the signal's reason.
 */
export async function persistently<T>(act: () => Promise<T>, patience: Patience): Promise<T> {
  const { random, signal } = patience;
  for (let failures = 1; ; failures++) {
    signal.throwIfAborted();
    try {
      const result = await act();
      if (failures > 1) patience.onTrouble(undefined);
      return result;
    } catch (error) {
      signal.throwIfAborted();
      const fault = faultOf(error);
      if (!fault) throw error;
      if (!fault.retrying) throw new TrainingFailure(fault);
      patience.onTrouble(fault);
      await delay(backoffMs(failures, backoff, random), undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

/** What to report of an error; undefined for one that nobody foresaw. */
function faultOf(error: unknown): TrainingFault | undefined {
  if (error instanceof TrainingFailure) return error.fault;
  const known = storeErrorIn(error);
  if (!known) return undefined;
  const { code, message, retrying } = known;
  const named = code === 'StorageFull' || code === 'AccessDenied' || code === 'AddressNotAllowed';
  return { reason: named ? code : 'StorageUnavailable', message, retrying };
}

/** sha256 in HEX, with pauses in which others get their turn. */
export async function digestOf(bytes: Uint8Array, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.byteLength; at += hashBytes) {
    if (at > 0) {
      await turn();
      signal?.throwIfAborted();
    }
    hash.update(bytes.subarray(at, at + hashBytes));
  }
  return hash.digest('hex');
}
