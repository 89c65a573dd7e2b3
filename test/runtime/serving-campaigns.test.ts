import { expect, test } from '@jest/globals';
import { missed, type Campaign } from '../campaigns/figures.ts';
import { abandoned } from '../campaigns/serving/abandoned.ts';
import { crashes } from '../campaigns/serving/crashes.ts';
import { drain } from '../campaigns/serving/drain.ts';
import { endurance } from '../campaigns/serving/endurance.ts';
import { malformedModels } from '../campaigns/serving/malformed-models.ts';
import { malformedRequests } from '../campaigns/serving/malformed-requests.ts';
import { underOverload } from '../campaigns/serving/overload.ts';
import { probes } from '../campaigns/serving/probes.ts';
import { unknownInputs } from '../campaigns/serving/unknown-inputs.ts';

/** Shortened, and without the promises about time: here eight jobs may share two cores. */
const campaigns: [string, Campaign][] = [
  ['pods that are told to stop answer everything', drain],
  ['beyond its capacity a server refuses, and says when to come again', underOverload],
  ['probes and deadlines are answered while a model runs', probes],
  ['a client that left costs no run', abandoned],
  ['a crash of the model process costs the request that it ran', crashes],
  [
    'malformed requests cost the answering process nothing: no exit, no word on the machine, no model',
    malformedRequests,
  ],
  ['mutated models cost the answering process nothing', malformedModels],
  ['memory does not grow with requests and loads', endurance],
  ['inputs and outputs that a model does not have are refused', unknownInputs],
];

test.each(campaigns)(
  '%s',
  async (_promise, campaign) => {
    const outcome = await campaign({ isShort: true, seed: 1, say: () => undefined });
    expect(missed(outcome, { withTimes: false })).toEqual([]);
  },
  180_000,
);
