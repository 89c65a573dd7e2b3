import type { TrainingRole } from '../../../runtime/training-contract.ts';
import type { TrainingJob } from '../../api/training-job.gen.ts';
import { modelUri } from '../model-uri.ts';
import type { Mount } from '../pod-setup.ts';
import { placesOf, rolePlaces } from './places.ts';

/** What a node mounts for the pods of a role; a claim that several fields name is there for each of them. */
export function mountsOf(owner: TrainingJob, role: TrainingRole): Mount[] {
  const { train, transport } = owner.spec;
  const secret: Mount[] =
    transport === undefined
      ? []
      : [{ kind: 'Secret', name: transport.tlsSecretRef.name, field: 'spec.transport.tlsSecretRef.name' }];
  const places = train === undefined ? [] : rolePlaces(role, placesOf(owner, train));
  const claims = new Map(places.map(([, { field, uri }]) => [field, modelUri(uri).claim]));
  return [
    ...secret,
    ...[...claims].flatMap(([field, name]): Mount[] =>
      name === undefined ? [] : [{ kind: 'PersistentVolumeClaim', name, field }],
    ),
  ];
}
