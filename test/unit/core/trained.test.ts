/** Which version of a lineage a ModelDeployment serves. */
import { describe, expect, test } from '@jest/globals';
import { noVersion, type TrainedVersion, trainedVersion, withVersion } from '../../../operator/core/serving/trained.ts';
import { admitted } from '../../support/serving-world.ts';
import { admittedJob } from '../../support/training-world.ts';

const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;

interface Made {
  name: string;
  /** When its model was made. */
  day: number;
  /** When the job was over, if that was another day. */
  over?: number;
  accepted?: boolean;
  digest?: string;
  phase?: string;
  conditions?: object[];
}

const job = ({ name, day, over, accepted = true, digest = name, phase = 'Succeeded', conditions = [] }: Made) =>
  admittedJob({
    metadata: { name },
    status: {
      phase,
      completionTime: `2026-11-${over ?? day}T10:00:00Z`,
      output: {
        uri: `s3://models/digits/${digest}`,
        digest: digestOf(digest),
        completionTime: `2026-11-${day}T10:00:00Z`,
        accepted,
      },
      conditions,
    },
  });

const served = (name: string, day: number, digest = name): TrainedVersion => ({
  name: 'digits',
  job: name,
  uri: `s3://models/digits/${digest}`,
  digest: digestOf(digest),
  completionTime: `2026-11-${day}T10:00:00Z`,
});

function choice(jobs: Made[], before?: TrainedVersion, digest?: string): string | undefined {
  const trained = { name: 'digits', ...(digest === undefined ? {} : { digest: digestOf(digest) }) };
  const status = before === undefined ? {} : { status: { trained: before } };
  const owner = admitted({ object: { spec: { model: { trained } }, ...status } });
  return trainedVersion(trained, { owner, jobs: jobs.map(job) })?.job;
}

const [old, newer] = [
  { name: 'a', day: 20 },
  { name: 'b', day: 21 },
];

describe('the version that is served', () => {
  interface Case {
    what: string;
    jobs: Made[];
    expected: string | undefined;
    before?: TrainedVersion;
    digest?: string;
  }
  const [refused, a, b] = [{ ...newer, accepted: false }, served('a', 20), served('b', 21)];
  const cases: Case[] = [
    { what: 'is none where there is no job', jobs: [], expected: undefined },
    { what: 'is none where none succeeded', jobs: [{ ...old, phase: 'Failed' }], expected: undefined },
    { what: 'is none where none is accepted', jobs: [refused], expected: undefined },
    { what: 'is the newest', jobs: [newer, old], expected: 'b' },
    { what: 'of one second is the last in the alphabet', jobs: [{ ...old, name: 'b' }, old], expected: 'b' },
    { what: 'is an older one where the newest is not accepted', jobs: [old, refused], expected: 'a' },
    { what: 'is the newest, whichever job was applied again', jobs: [{ ...old, over: 23 }, newer], expected: 'b' },
    { what: 'goes over to a newer one', jobs: [old, newer], before: a, expected: 'b' },
    { what: 'stays where a newer one is not accepted', jobs: [old, refused], before: a, expected: 'a' },
    { what: 'stays when its job goes and an older one is left', jobs: [old], before: b, expected: 'b' },
    { what: 'stays when all jobs go', jobs: [], before: b, expected: 'b' },
    {
      what: 'stays where the job of an older one is applied again',
      jobs: [{ ...old, over: 23 }],
      before: b,
      expected: 'b',
    },
    { what: 'goes back where it is no longer accepted', jobs: [old, refused], before: b, expected: 'a' },
    { what: 'stays where it is not accepted any more and is the only one', jobs: [refused], before: b, expected: 'b' },
    { what: 'is renewed by a job that is applied again', jobs: [{ ...newer, day: 22 }], before: b, expected: 'b' },
    { what: 'is the one of the digest that the spec pins', jobs: [old, newer], digest: 'a', expected: 'a' },
    { what: 'is none where no job made that digest', jobs: [old, newer], digest: 'c', expected: undefined },
    { what: 'changes with the digest that the spec pins', jobs: [old, newer], before: b, digest: 'a', expected: 'a' },
    { what: 'stays pinned when its job goes', jobs: [newer], before: a, digest: 'a', expected: 'a' },
    { what: 'of another lineage does not count', jobs: [], before: { ...a, name: 'letters' }, expected: undefined },
  ];

  test.each(cases)('$what', ({ jobs, before, digest, expected }) => {
    expect(choice(jobs, before, digest)).toBe(expected);
  });

  test('is reached as its job says, unless the deployment says otherwise', () => {
    const version = { ...served('a', 20), storage: { region: 'eu' } };
    const bare = admitted({
      object: { spec: { model: { trained: { name: 'digits' }, task: 'ImageClassification' } } },
    });
    const own = admitted({ object: { spec: { model: { trained: { name: 'digits' }, storage: { region: 'us' } } } } });
    expect(withVersion(bare, version).spec.model).toMatchObject({
      uri: version.uri,
      digest: version.digest,
      task: 'ImageClassification',
      storage: { region: 'eu' },
    });
    expect(withVersion(own, version).spec.model?.storage).toEqual({ region: 'us' });
    expect(bare.spec.model).not.toHaveProperty('uri');
  });
});

describe('a lineage without a version', () => {
  test('says whether there was none at all, or which was refused and why', () => {
    expect(noVersion({ name: 'digits' }, []).message).toContain('no TrainingJob of this namespace');
    const conditions = [
      {
        type: 'Accepted',
        status: 'False',
        reason: 'BelowCriterion',
        message: 'accuracy is low',
        lastTransitionTime: '2026-11-20T10:00:00Z',
      },
    ];
    const refused = job({ ...old, accepted: false, conditions });
    expect(noVersion({ name: 'digits' }, [refused])).toMatchObject({
      type: 'Warning',
      reason: 'NoTrainedVersion',
      message:
        'the lineage digits has no accepted version yet: the model of TrainingJob a is not accepted: accuracy is low',
    });
    expect(noVersion({ name: 'digits', digest: digestOf('c') }, []).message).toContain(
      `with the digest ${digestOf('c')}`,
    );
  });
});
