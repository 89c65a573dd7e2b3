/** The API server judges as admit() does: the laptop can promise what a cluster will say. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { admit } from '../../operator/api/admit.ts';
import { KubeError } from '../../operator/kube/errors.ts';
import { HttpClient } from '../../operator/kube/http-client.ts';
import { connect } from '../../operator/kube/kube-config.ts';
import { refOf, type KubeObject } from '../../operator/kube/object.ts';
import { deployment, ruleCases, schemaCases, training, uri } from '../support/admission-cases.ts';
import { startCluster, type Cluster } from './cluster.ts';
import { installCrds } from './fixtures.ts';

const namespace = 'default';
const startMs = 40 * 60_000;

let cluster: Cluster;
let client: HttpClient;

beforeAll(async () => {
  cluster = await startCluster({ node: 'none' });
  await installCrds(cluster.kubectl);
  client = new HttpClient(await connect({ path: cluster.kubeconfig }), { fieldManager: 'user' });
}, startMs);

afterAll(async () => {
  await client.close();
  await cluster.stop();
});

/** Said beside the faults of the schema, about no field. */
const rulesNotAsked = 'some validation rules were not checked because the object was invalid';

const placed = (object: object): KubeObject => {
  const { metadata, ...rest } = object as KubeObject;
  return { ...rest, metadata: { ...metadata, namespace } };
};

/** The fields that the API server refuses an object for; empty: it took it. `old` is there before. */
async function refusedFields(object: object, old?: object): Promise<string[]> {
  const before = old === undefined ? undefined : await client.create(placed(old));
  const mine = placed(object);
  try {
    const taken = await (before === undefined
      ? client.create(mine)
      : client.replace({
          ...mine,
          metadata: { ...mine.metadata, resourceVersion: before.metadata.resourceVersion ?? '' },
        }));
    if (before === undefined) await client.remove(refOf(taken));
    return [];
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 422) throw error;
    const causes = (error.details?.causes ?? []).filter(({ message = '' }) => !message.includes(rulesNotAsked));
    // The object as a whole; and the scale subresource, which writes its path with a dot before it.
    return fields(causes.map(({ field = '' }) => (field === '<nil>' ? '' : field.replace(/^\./, ''))));
  } finally {
    if (before !== undefined) await client.remove(refOf(before));
  }
}

function admitFields(object: object, old?: object): string[] {
  const before = old === undefined ? undefined : admit(placed(old));
  const verdict = admit(placed(object), before?.admitted === true ? before.object : undefined);
  return verdict.admitted ? [] : fields(verdict.faults.map(({ field }) => field));
}

const fields = (all: string[]): string[] => [...new Set(all)].sort();

describe('admit() and a real API server refuse the same fields', () => {
  test.each(ruleCases.map(([says, faulty, right, old]) => ({ says, faulty, right, old })))(
    '$says',
    async ({ faulty, right, old }) => {
      const refused = await refusedFields(faulty, old);
      expect(refused).not.toEqual([]);
      expect(admitFields(faulty, old)).toEqual(refused);
      expect(await refusedFields(right, old)).toEqual([]);
    },
  );

  test.each(schemaCases)('%s', async (spec) => {
    // Where it cannot read a value it also says so of the object as a whole.
    const refused = (await refusedFields(deployment(spec))).filter((field) => field !== '');
    expect(refused).not.toEqual([]);
    expect(admitFields(deployment(spec))).toEqual(refused);
  });

  test.each([
    ['ModelDeployment', deployment(`{ ${uri} }`)],
    ['TrainingJob', training()],
  ])('defaults of a %s are filled in alike', async (_kind, object) => {
    const given = placed(object);
    const stored = await client.create(given);
    const verdict = admit(given);
    expect(verdict.admitted && verdict.object.spec).toEqual(stored.spec);
  });
});
