import type { WritableFolder } from '../store/writable-folder.ts';
import type { TrainingJobFile } from '../training-contract.ts';
import type { CoordinatorWork, PreparedJob } from './coordinator/options.ts';
import type { Software } from './model/version-files.ts';
import { Output } from './output.ts';
import { placeFailure } from './places.ts';
import { initialWeights, type Program } from './program.ts';

export interface CoordinatorWorkOptions {
  job: TrainingJobFile;
  prepareProgram: (signal: AbortSignal) => Promise<Program>;
  /** That of `spec.output`. */
  openOutput: () => Promise<WritableFolder>;
  software: Software;
  /** By the clock on the wall. */
  date: () => Date;
}

export interface ClosableWork extends CoordinatorWork {
  close(): Promise<void>;
}

/** What the coordinator has done by model, data and output. */
export function coordinatorWork(options: CoordinatorWorkOptions): ClosableWork {
  const { job, software, date } = options;
  let program: Program | undefined;
  let folder: WritableFolder | undefined;
  const withOutput = async <T>(act: (output: Output) => Promise<T>): Promise<T> => {
    try {
      folder ??= await options.openOutput();
      return await act(new Output(job, folder, date));
    } catch (error) {
      throw placeFailure(error, 'output');
    }
  };
  const theProgram = (): Program => {
    if (!program) throw new Error('the job is not prepared');
    return program;
  };
  return {
    findOutcome: () => withOutput((output) => output.ofJob()),
    prepare: async (signal) => {
      program = await options.prepareProgram(signal);
      return preparedJob(program);
    },
    findVersion: () => withOutput((output) => output.find(theProgram())),
    writeOutput: (result) => withOutput((output) => output.write(theProgram(), result, software)),
    close: async () => {
      await program?.close();
      await folder?.close();
    },
  };
}

function preparedJob(program: Program): PreparedJob {
  const { graph, digest, dataset } = program;
  return {
    layout: graph.layout,
    label: graph.label,
    split: dataset.split,
    rows: dataset.rows,
    badRows: dataset.badRows,
    dataDigest: dataset.digest,
    programDigest: digest,
    initialWeights: () => initialWeights(program),
  };
}
