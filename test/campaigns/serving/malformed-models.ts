import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../../lib/log.ts';
import { ModelFault } from '../../../runtime/errors.ts';
import { ModelChild } from '../../../runtime/serving/model-child-handle.ts';
import { sumAndDifferenceModel } from '../../support/models.ts';
import { seededRandom } from '../../support/random.ts';
import { startServingProcess } from '../../support/serving.ts';
import { Remarks, type CampaignOptions, type Outcome } from '../figures.ts';
import { mutantModel } from './mutant-model.ts';
import { internals } from './malformed-requests.ts';

/** A model process is replaced after so many, as it does not give back what a model took. */
const modelsOfOneProcess = 500;
/** A model that takes longer is killed, as a server kills it. */
const loadMs = 10_000;

/**
 * Models with some bytes changed. All are loaded by model processes, through the handle that a server has of them; some, and every one that ended its process or
 * never ended, by a serving process too. Promises: that one lives on and serves a good model afterwards, and no fault tells of the machine.
 */
export async function malformedModels({ isShort, seed, say }: CampaignOptions): Promise<Outcome> {
  const [count, served] = isShort ? [200, 5] : [100_000, 1_000];
  const random = seededRandom(seed);
  const remarks = new Remarks();
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-models-'));
  const outcomes = { loaded: 0, refused: 0, killers: 0 };
  const suspects: Uint8Array[] = [];
  let child: ModelChild | undefined;
  try {
    const modelPath = join(folder, 'model.onnx');
    for (let index = 0; index < count; index++) {
      if (index % modelsOfOneProcess === 0) {
        child?.kill();
        await child?.exited;
        child = undefined;
      }
      child ??= new ModelChild(createLog('model', 'silent'), process.env);
      const model = mutantModel(random);
      await writeFile(modelPath, model);
      const outcome = await load(child, modelPath, folder, remarks);
      outcomes[outcome] += 1;
      if (outcome === 'killers') {
        suspects.push(model);
        child = undefined;
      }
      if (index > 0 && index % 10_000 === 0) say(`${index} loaded, ${outcomes.killers} ended their process`);
    }
    const given = [...suspects.slice(0, served), ...Array.from({ length: served }, () => mutantModel(random))];
    const exits = await serveEach(given, remarks);
    return {
      figures: [
        { what: 'mutated models given to model processes', measured: count, atLeast: count },
        { what: 'of them loaded', measured: outcomes.loaded },
        { what: 'of them refused', measured: outcomes.refused },
        { what: 'of them that ended their process, or were ended with it', measured: outcomes.killers },
        { what: 'mutated models given to a serving process', measured: given.length, atLeast: served },
        { what: 'exits of the answering process', measured: exits, atMost: 0 },
        { what: 'faults that tell of the machine, and other surprises', measured: remarks.count, atMost: 0 },
      ],
      remarks: remarks.list,
    };
  } finally {
    child?.kill();
    await child?.exited;
    await rm(folder, { recursive: true, force: true });
  }
}

async function load(
  child: ModelChild,
  modelPath: string,
  directory: string,
  remarks: Remarks,
): Promise<'loaded' | 'refused' | 'killers'> {
  const timer = setTimeout(() => child.kill(), loadMs);
  const options = { task: 'Tensor', executionProvider: 'cpu', threads: 1, warmup: true, batching: true } as const;
  try {
    await child.load({ modelPath, directory, ...options }, () => undefined);
    return 'loaded';
  } catch (error) {
    if (!(error instanceof ModelFault)) {
      await child.exited;
      return 'killers';
    }
    const { message } = error.fault;
    if (internals.test(message) || message.includes(directory)) remarks.add(`a fault tells ${message}`);
    return 'refused';
  } finally {
    clearTimeout(timer);
  }
}

/** Has a server load each in place of its model. @returns how often it exited */
async function serveEach(mutants: readonly Uint8Array[], remarks: Remarks): Promise<number> {
  const serving = startServingProcess({
    files: { 'model.onnx': sumAndDifferenceModel() },
    settings: { modelControl: 'Explicit', logLevel: 'silent' },
  });
  const loaded = async (): Promise<number> => {
    const url = `${serving.url}/v2/repository/models/model/load`;
    // A model that never ends to load is given up by whoever asked for it.
    const response = await fetch(url, { method: 'POST', body: '{}', signal: AbortSignal.timeout(loadMs) });
    const text = await response.text();
    if (internals.test(text)) remarks.add(`a load was told ${text}`);
    return response.status;
  };
  try {
    await serving.ready();
    for (const mutant of mutants) {
      await serving.withModel(mutant, async () => {
        const status = await loaded().catch(String);
        if (status !== 200 && status !== 400) remarks.add(`a load got ${status}`);
      });
      if (serving.process.exitCode !== null || serving.process.signalCode !== null) return 1;
    }
    if ((await loaded()) !== 200) remarks.add('a good model is not served any more');
    return 0;
  } finally {
    if ((await serving.stop()) !== 0) remarks.add('the answering process ended badly');
  }
}
