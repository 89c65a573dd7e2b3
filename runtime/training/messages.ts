import * as v from 'valibot';
import type { TrainingOutcome, TrainingReason } from '../training-contract.ts';
import { pieceSchema } from './checkpoint-format.ts';

/**
 * All that the roles of a TrainingJob say to each other. A message is the head of a frame (JSON, with its `type`); where it says so, raw
 * little-endian numbers follow as the payload. Who may send what is the name of each group below.
 *
 * Words: `version` t of the parameters is what t steps made; step t makes version t + 1 of version t. A `generation` is a stretch of time in which
 * nobody was lost whose state matters: each recovery begins another one, and messages of an older one are ignored. A vector's elements are
 * those of the server's slice: vector 0 is the weights, vectors 1 and up are the optimizer's slots.
 */

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const text = v.pipe(v.string(), v.maxLength(4_096));
const range = v.object({ from: whole, to: whole });
const ranges = v.array(range);
const stamped = { generation: whole };

const fault = v.object({
  reason: v.custom<TrainingReason>((value) => typeof value === 'string'),
  message: text,
  retrying: v.boolean(),
});

const outcome = v.custom<TrainingOutcome>((value) => v.is(v.looseObject({ succeeded: v.boolean() }), value));

/** Whoever connects says this first, whoever listens answers `welcome` or `refused` and closes. */
export const helloMessage = v.object({
  type: v.literal('hello'),
  /** Frames and messages of this text. */
  protocol: whole,
  specHash: text,
  role: v.picklist(['ParameterServer', 'Worker']),
  /** `Control` connections lead to server 0 alone. */
  channel: v.picklist(['Control', 'Data']),
  index: whole,
  /** Control, of a server: the number it claimed. Control, of a worker: when it started, in ms since the epoch. Data: that of the server that is meant. */
  incarnation: whole,
});

export const helloAnswers = v.variant('type', [
  v.object({ type: v.literal('welcome') }),
  v.object({
    type: v.literal('refused'),
    /**
     * `Superseded`: another incarnation took over, exit. `WrongJob`: another spec or protocol. `WrongIncarnation`: this server is not the one
     * that was meant; the coordinator will name the right one. `NotReady`: try again.
     */
    code: v.picklist(['Superseded', 'WrongJob', 'WrongIncarnation', 'NotReady']),
    message: text,
  }),
]);

/** Steps from `from` to below `until`, in each of which the worker computes these leaves. */
const assignment = v.object({ from: whole, until: whole, leaves: ranges });

/** Control, server 0 to a worker. */
export const coordinatorToWorker = v.variant('type', [
  /**
   * A new generation begins: drop all work and all pulls under way, keep what was pulled, and answer `holdings`. Also the first message to a worker
   * that is `ready`. Nothing is pulled or pushed until a `plan` or an `evaluate` of this generation comes.
   */
  v.object({ type: v.literal('pause'), ...stamped }),
  /** The incarnation of each server to use from now on, in order. Connections to others are closed. */
  v.object({ type: v.literal('servers'), ...stamped, incarnations: v.array(whole) }),
  /** Send that version of this server's slice to it with data messages `fill`. It is one that `holdings` named. */
  v.object({ type: v.literal('fill'), ...stamped, server: whole, version: whole }),
  /** Send the coordinator's state that came with this version of server 0: answer `recalled`. */
  v.object({ type: v.literal('recall'), ...stamped, version: whole }),
  /**
   * Replaces all that was assigned before. For the steps of each assignment in turn: pull that version from every server, compute the leaves
   * that were not computed yet in this generation, push. A step whose version is `gone` is over: go to the next one. Leaves of a step that was
   * worked on already may be added as long as the next version was not pulled.
   * Of the servers in `mirrors` the slots are pulled too, before the leaves of that step are pushed; when a server is new in the list, at
   * once for the version at hand. When one is no more in the list, its slots that are here stay until another version takes their memory.
   */
  v.object({ type: v.literal('plan'), ...stamped, assignments: v.array(assignment), mirrors: v.array(whole) }),
  /** Pull the version, evaluate these rows of the split, and answer `evaluated` for each chunk as it is done. Several may be under way. */
  v.object({
    type: v.literal('evaluate'),
    ...stamped,
    evaluation: whole,
    version: whole,
    split: v.picklist(['validation', 'test']),
    chunks: v.array(v.object({ chunk: whole, from: whole, to: whole })),
  }),
  /** The job is over: exit. */
  v.object({ type: v.literal('finish'), outcome }),
  /** This worker cannot take part, such as with other data than the coordinator's: report the fault and exit with `trainingExitCodes.failed`. */
  v.object({ type: v.literal('reject'), fault }),
]);

/** Control, a worker to server 0. */
export const workerToCoordinator = v.variant('type', [
  /** Model and data are at hand. Sent once on each connection, as soon as that is so; until then the worker is connected and gets no work. */
  v.object({
    type: v.literal('ready'),
    podName: text,
    /** Shards it computes at the same time. */
    runs: v.pipe(whole, v.minValue(1)),
    /** `PreparedJob.programDigest`: of the training graph and the layout. */
    programDigest: text,
    dataDigest: text,
  }),
  /** Model or data cannot be obtained or run, or a server cannot be reached. Not retrying: the job fails with this reason. */
  v.object({ type: v.literal('failed'), fault }),
  /** Answers `pause`: which server's slices it can fill, with slots, and of which versions of server 0 it has the coordinator's state. */
  v.object({
    type: v.literal('holdings'),
    ...stamped,
    states: v.array(v.object({ server: whole, version: whole })),
    coordinator: v.array(whole),
    /** The newest version that it pulled a part of; 0 where none. */
    newest: whole,
  }),
  /** Answers `recall`. Payload: like that of `coordinator`, with losses from step 0 and evaluations from the first. */
  v.object({ type: v.literal('recalled'), ...stamped, version: whole, losses: whole }),
  /** Payload: float64, what the rows of this chunk add to the sums that metrics are made of (`metrics.ts`). */
  v.object({ type: v.literal('evaluated'), ...stamped, evaluation: whole, chunk: whole }),
]);

/** Control, server 0 to a server. Server 0 says them to itself too. */
export const coordinatorToServer = v.variant('type', [
  /** Stop applying; answer pulls of older generations with `gone`; answer `holdings`. */
  v.object({ type: v.literal('pause'), ...stamped }),
  /** What a server needs to know of the program. Comes before the first `restore`. */
  v.object({
    type: v.literal('program'),
    /** Elements of the flat vector. */
    trainable: whole,
    total: whole,
    totalSteps: whole,
  }),
  /** Be at this version: `Held` already, by `fill` from a worker or the coordinator, or read from the checkpoint in a folder. Answer `restored`. */
  v.object({
    type: v.literal('restore'),
    ...stamped,
    version: whole,
    from: v.variant('kind', [
      v.object({ kind: v.literal('Held') }),
      v.object({ kind: v.literal('Fill') }),
      /** `forEvaluation`: weights alone, of which no training goes on. */
      v.object({ kind: v.literal('Checkpoint'), folder: text, forEvaluation: v.boolean() }),
    ]),
  }),
  /**
   * Write this version into the folder: at once where it is there, and otherwise when it is made. Answer `written`, or `missed` where it is
   * there no more. `copy`: training goes on meanwhile. Otherwise the version stays until this is answered.
   */
  v.object({
    type: v.literal('snapshot'),
    ...stamped,
    version: whole,
    folder: text,
    vectors: v.picklist(['All', 'Weights']),
    copy: v.boolean(),
  }),
  /** Answers `norms`: what the gradient is multiplied by. */
  v.object({ type: v.literal('scale'), ...stamped, step: whole, scale: v.number() }),
  /** Answer `missing`. */
  v.object({ type: v.literal('askMissing'), ...stamped, step: whole }),
  /** Answers `stopping`: what could be saved is saved. */
  v.object({ type: v.literal('stopped') }),
  /** The job is over. */
  v.object({ type: v.literal('finish'), outcome }),
]);

/** Control, a server to server 0. */
export const serverToCoordinator = v.variant('type', [
  /** Answers `pause`. */
  v.object({ type: v.literal('holdings'), ...stamped, versions: v.array(whole) }),
  /** It can be filled now. */
  v.object({ type: v.literal('expecting'), ...stamped, version: whole }),
  v.object({ type: v.literal('restored'), ...stamped, version: whole }),
  /** The checkpoint that it was to read is damaged or not there. */
  v.object({ type: v.literal('unreadable'), ...stamped, folder: text, message: text }),
  /** It made this version. */
  v.object({ type: v.literal('applied'), ...stamped, version: whole }),
  /** Payload: float64, the sum of squares of each block of the gradient. Only where the optimizer clips. */
  v.object({ type: v.literal('norms'), ...stamped, step: whole }),
  /** Leaves that the server has no contribution of; none for a step that is over. */
  v.object({ type: v.literal('missing'), ...stamped, step: whole, leaves: ranges }),
  /** `finite`: no weight is NaN or infinite. */
  v.object({ type: v.literal('written'), ...stamped, folder: text, pieces: v.array(pieceSchema), finite: v.boolean() }),
  v.object({ type: v.literal('missed'), ...stamped, folder: text }),
  /** Writing or reading fails and is tried again. */
  v.object({ type: v.literal('troubled'), ...stamped, folder: text, fault }),
  /** It was told to stop and wants its slice saved first. */
  v.object({ type: v.literal('stopping') }),
]);

/** Data, a worker (or server 0) to a server. */
export const toServer = v.variant('type', [
  /**
   * Answered by `parameters` for each vector or by one `update`, once the version exists, or by `gone`. `losses` and `evaluations`: how many the
   * worker has, where it mirrors server 0.
   */
  v.object({
    type: v.literal('pull'),
    ...stamped,
    version: whole,
    slots: v.boolean(),
    /** The worker has the version before with slots: an `update` does. */
    hasBase: v.optional(v.boolean()),
    losses: v.optional(whole),
    evaluations: v.optional(whole),
  }),
  /**
   * Payload: float32, one tree node's sum, cut to the slice. Answered by `pushed`; pushed again on another connection where that answer did not come.
   */
  v.object({
    type: v.literal('push'),
    ...stamped,
    step: whole,
    node: v.object({ level: whole, index: whole }),
    /** The node's sum of the loss, a float64 of float32 terms; null where it is not finite. */
    loss: v.nullable(v.number()),
  }),
  /** Payload: float32, one vector of the slice. Vectors come in order; the last one is answered by `filled`. */
  v.object({ type: v.literal('fill'), ...stamped, version: whole, vector: whole, last: v.boolean() }),
]);

/** Data, a server to a worker. */
export const fromServer = v.variant('type', [
  /** Payload: float32, the vector of the slice. */
  v.object({ type: v.literal('parameters'), ...stamped, version: whole, vector: whole }),
  /**
   * How this version is made of the one before. Payload: float32, the sum of the gradients and statistics of all leaves, cut to the slice; none where it
   * is `own`, which is what this connection pushed as one node. May come before the server itself has made the version.
   */
  v.object({
    type: v.literal('update'),
    ...stamped,
    version: whole,
    own: v.boolean(),
    learningRate: v.number(),
    gradientScale: v.number(),
  }),
  /**
   * Of server 0, before the `parameters` of a pull with `losses`. Payload: `losses` float64, the training losses of the steps from `lossesFrom` on, and
   * then lines of JSON in UTF-8, to be kept as they are: `evaluations` of epochs from `evaluationsFrom` on, and one of all else.
   */
  v.object({
    type: v.literal('coordinator'),
    ...stamped,
    version: whole,
    lossesFrom: whole,
    losses: whole,
    evaluationsFrom: whole,
    evaluations: whole,
  }),
  /** That version is not here and will not be: the step is over (`newest` is higher), or the generation is. */
  v.object({ type: v.literal('gone'), ...stamped, version: whole, newest: whole }),
  v.object({ type: v.literal('pushed'), ...stamped, step: whole, node: v.object({ level: whole, index: whole }) }),
  v.object({ type: v.literal('filled'), ...stamped, version: whole }),
]);

export const protocolVersion = 1;

export type Hello = v.InferOutput<typeof helloMessage>;
export type HelloAnswer = v.InferOutput<typeof helloAnswers>;
export type CoordinatorToWorker = v.InferOutput<typeof coordinatorToWorker>;
export type WorkerToCoordinator = v.InferOutput<typeof workerToCoordinator>;
export type CoordinatorToServer = v.InferOutput<typeof coordinatorToServer>;
export type ServerToCoordinator = v.InferOutput<typeof serverToCoordinator>;
export type ToServer = v.InferOutput<typeof toServer>;
export type FromServer = v.InferOutput<typeof fromServer>;
export type Assignment = v.InferOutput<typeof assignment>;
