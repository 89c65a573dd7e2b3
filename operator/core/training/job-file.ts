import { jobFileName, type ModelSource, type TrainingJobFile } from '../../../runtime/training-contract.ts';
import type { TrainingJob } from '../../api/training-job.gen.ts';
import type { KubeObject } from '../../kube/object.ts';
import { digestOf, trainingMetadata, trainingNames } from '../metadata.ts';
import { locationOf, placesOf, type Places, type TrainSpec } from './places.ts';

/** Raised where the same spec comes to mean another model. */
const hashVersion = 1;

function modelSource({ mlp, cnn }: TrainSpec['model'], { model }: Places): ModelSource {
  if (mlp !== undefined) return { kind: 'Mlp', ...mlp };
  if (cnn !== undefined) return { kind: 'Cnn', ...cnn };
  if (model !== undefined) return { kind: 'Onnx', location: locationOf(model) };
  throw new TypeError('a spec that was admitted names a model');
}

/**
 * All that decides the result, but for the content behind the URIs: what is trained on what and how, and what is measured. Not who
 * computes it, nor how the places are reached, nor where it is kept: those leave every bit as it is.
 */
const specHash = (train: TrainSpec): string =>
  digestOf({
    hashVersion,
    ...train,
    model: { ...train.model, storage: undefined },
    data: { ...train.data, storage: undefined },
  });

/** What the pods of a job are told. */
function jobFile(owner: TrainingJob, train: TrainSpec): TrainingJobFile {
  const { metadata, spec } = owner;
  const places = placesOf(owner, train);
  const { label, features, shape, scale, image, validationSplit, testSplit, maxBadRows } = train.data;
  const { loss, metrics, optimizer, epochs, batchSize, gradientShards, seed, earlyStopping, trainable } = train;
  return {
    version: 1,
    namespace: metadata.namespace ?? 'default',
    name: metadata.name,
    specHash: specHash(train),
    model: modelSource(train.model, places),
    freeze: trainable?.freeze ?? [],
    ...(trainable?.head === undefined ? {} : { headClasses: trainable.head.classes }),
    data: {
      location: locationOf(places.data),
      label,
      ...(features === undefined ? {} : { features }),
      ...(shape === undefined ? {} : { shape }),
      scale,
      ...(image === undefined ? {} : { image }),
      validationSplit,
      testSplit,
      maxBadRows,
    },
    loss,
    metrics,
    optimizer,
    epochs,
    batchSize,
    gradientShards,
    seed,
    ...(earlyStopping === undefined ? {} : { patience: earlyStopping.patience }),
    checkpoint: { location: locationOf(places.checkpoint), every: spec.checkpoint.every, keep: spec.checkpoint.keep },
    output: { location: locationOf(places.output), modelName: spec.output.modelName },
    ...(spec.acceptance === undefined ? {} : { acceptance: spec.acceptance }),
  };
}

/**
 * The job as its pods read it. It is written once: a pod that starts later, under another version of the operator or after a change of
 * what a running job may change, has to read the same.
 */
export function jobConfigMap(owner: TrainingJob, train: TrainSpec, children: readonly KubeObject[]): KubeObject {
  const { job } = trainingNames(owner.metadata.name);
  const written = children.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === job);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: trainingMetadata(owner, job),
    immutable: true,
    data: written?.data ?? { [jobFileName]: JSON.stringify(jobFile(owner, train)) },
  };
}
