import { TrainingFailure } from '../errors.ts';
import { StoreError, type StoreCode } from '../store/errors.ts';
import type { LocationName, TrainingReason } from '../training-contract.ts';

/** What messages call the places of a job, and where the spec names them. */
export const places: Readonly<Record<LocationName, { noun: string; field: string }>> = {
  model: { noun: 'model', field: 'spec.train.model' },
  data: { noun: 'data', field: 'spec.train.data' },
  tokenizer: { noun: 'tokenizer', field: 'spec.train.data.text.tokenizer' },
  checkpoint: { noun: 'checkpoints', field: 'spec.checkpoint' },
  output: { noun: 'output', field: 'spec.output' },
};

const reasonOf = (code: StoreCode, name: LocationName): TrainingReason => {
  const isRead = name === 'model' || name === 'data' || name === 'tokenizer';
  switch (code) {
    case 'NotFound':
      return name === 'model' ? 'ModelNotFound' : 'DataNotFound';
    case 'Invalid':
    case 'ArchiveRefused':
    case 'DigestMismatch':
      if (!isRead) return 'StorageUnsupported';
      return name === 'model' ? 'InvalidModel' : 'InvalidData';
    default:
      return code;
  }
};

/** What a job says of an error of the store; any other error as it is. */
export function placeFailure(error: unknown, name: LocationName): unknown {
  if (!(error instanceof StoreError)) return error;
  const retrying = error.code === 'StorageUnavailable' || error.code === 'StorageFull';
  return new TrainingFailure({ reason: reasonOf(error.code, name), message: error.message, retrying });
}
