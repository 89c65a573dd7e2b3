import * as v from 'valibot';
import type { TrainingJobFile } from '../training-contract.ts';
import { jobIdentity } from './job-identity.ts';

/** A checkpoint is a folder with pieces, and the manifest that makes it count. */
const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** A part of a vector, in a file of its own: float32, little-endian. */
export const pieceSchema = v.object({
  /** Relative to the folder of the checkpoint. */
  path: v.pipe(v.string(), v.regex(/^[a-z0-9.-]{1,200}$/)),
  /** 0: the weights; 1 and up: the optimizer's slots. */
  vector: whole,
  /** Elements of the flat vector. */
  from: whole,
  to: whole,
  /** HEX. */
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
});

export type Piece = v.InferOutput<typeof pieceSchema>;

export const manifestSchema = v.object({
  format: v.literal(1),
  /** Steps done. */
  version: whole,
  /** Of the coordinator that wrote it. */
  incarnation: whole,
  specHash: v.string(),
  dataDigest: v.string(),
  programDigest: v.string(),
  total: whole,
  /** 1 where it holds weights alone, and else 1 + the optimizer's slots. */
  vectors: whole,
  pieces: v.array(pieceSchema),
  /** The training losses of all steps, float64, little-endian. */
  losses: v.object({ path: v.string(), count: whole, sha256: v.string() }),
  /** `CoordinatorState`. */
  state: v.unknown(),
});

export type Manifest = v.InferOutput<typeof manifestSchema>;

/** Elements of a piece: 64 MiB, what a reader holds at a time. */
export const pieceLength = 16 * 1024 * 1024;

export const manifestName = 'manifest.json';

/**
 * Where a job's own files lie in the folder for checkpoints. Jobs of other names or specs may share that folder; a job that is
 * deleted and applied again goes on from what it finds here.
 */
export const jobPrefix = (job: TrainingJobFile): string => `${jobIdentity(job)}/`;

const padded = (number: number): string => String(number).padStart(12, '0');

/** What restarts of training go on from, and what holds the best weights so far. */
export type CheckpointKind = 'checkpoints' | 'best';

/** Ends with `/`. The generation keeps apart what two incarnations write. */
export const checkpointFolder = (kind: CheckpointKind, version: number, generation: number): string =>
  `${kind}/${padded(version)}-${padded(generation)}/`;

/** The generation of a file in such a folder. */
export const generationOf = (path: string): number => Number(/^\w+\/\d+-(\d+)\//.exec(path)?.[1]);

const generationsPerIncarnation = 1_000_000;

/** Generations of one incarnation of the coordinator have numbers from this one on, below those of the next incarnation. */
export const firstGeneration = (incarnation: number): number => incarnation * generationsPerIncarnation;

export const incarnationFile = (server: number, incarnation: number): string =>
  `incarnations/${server}/${padded(incarnation)}`;

export const incarnationPrefix = (server: number): string => `incarnations/${server}/`;
