import type { Location, LocationName, TrainingRole } from '../../../runtime/training-contract.ts';
import type { TrainingJob, TrainingJobSpec } from '../../api/training-job.gen.ts';
import type { StoragePlace } from '../pod-template.ts';

/** What the built-in trainer is told. */
export type TrainSpec = NonNullable<TrainingJobSpec['train']>;

/** A place that a job reads or writes. */
export interface Place extends StoragePlace {
  /** The field of the spec that names it. */
  field: string;
  uri: string;
  writes: boolean;
}

export interface Places extends Partial<Record<LocationName, Place>> {
  data: Place;
  checkpoint: Place;
  output: Place;
}

/** Beside the output where the spec names no place: no lineage has a name that begins with a dot. */
function checkpointPlace({ metadata, spec: { checkpoint, output } }: TrainingJob): Place {
  const { uri, ...rest } = checkpoint;
  if (uri !== undefined) return { ...reached(rest), field: 'spec.checkpoint.uri', uri, writes: true };
  return {
    ...reached(output),
    field: 'spec.output.uri',
    uri: `${output.uri.replace(/\/+$/, '')}/.checkpoints/${metadata.namespace ?? 'default'}/${metadata.name}`,
    writes: true,
  };
}

const reached = ({ storage }: StoragePlace): StoragePlace => (storage === undefined ? {} : { storage });

/** Every place of a job. */
export function placesOf(owner: TrainingJob, { model, data }: TrainSpec): Places {
  const { output } = owner.spec;
  const { uri } = model;
  return {
    ...(uri === undefined ? {} : { model: { ...reached(model), field: 'spec.train.model.uri', uri, writes: false } }),
    data: { ...reached(data), field: 'spec.train.data.uri', uri: data.uri, writes: false },
    checkpoint: checkpointPlace(owner),
    output: { ...reached(output), field: 'spec.output.uri', uri: output.uri, writes: true },
  };
}

/** What each role reads and writes: a worker has no business with results. */
const placesOfRole: Readonly<Record<TrainingRole, readonly LocationName[]>> = {
  ParameterServer: ['model', 'data', 'checkpoint', 'output'],
  Worker: ['model', 'data'],
};

export type NamedPlace = [name: LocationName, place: Place];

/** The places of one role. */
export function rolePlaces(role: TrainingRole, places: Places): NamedPlace[] {
  return placesOfRole[role].flatMap((name): NamedPlace[] => {
    const place = places[name];
    return place === undefined ? [] : [[name, place]];
  });
}

/** What pods are told of a place: no name of a Secret. */
export function locationOf({ uri, storage }: Place): Location {
  const { endpoint, region } = storage ?? {};
  return { uri, ...(endpoint === undefined ? {} : { endpoint }), ...(region === undefined ? {} : { region }) };
}
