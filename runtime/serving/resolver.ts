import type { ServingConfig } from '../config.ts';
import type { FaultReason } from '../contract.ts';
import { ModelFault } from '../errors.ts';
import { StoreError, type StoreCode } from '../store/errors.ts';
import { resolveModel } from '../store/model.ts';
import { readPin } from './pin.ts';
import type { Resolve } from './served-model.ts';

/** The store's codes in the words of a condition's reason. */
const reasons: Readonly<Record<StoreCode, FaultReason>> = {
  NotFound: 'ModelNotFound',
  Invalid: 'InvalidModel',
  DigestMismatch: 'DigestMismatch',
  ArchiveRefused: 'ArchiveRefused',
  AccessDenied: 'AccessDenied',
  AddressNotAllowed: 'AddressNotAllowed',
  StorageUnavailable: 'StorageUnavailable',
  StorageFull: 'StorageUnavailable',
  StorageUnsupported: 'StorageUnavailable',
};

/** Gets the configured model from the store. The pin is read at every try, as the kubelet renews it at any time. */
export function resolverOf({ modelUri, modelDigest, pinDir, storage }: ServingConfig): Resolve {
  return async (hooks) => {
    const pinnedDigest = await readPin(pinDir, modelUri, hooks.log);
    const request = { uri: modelUri, field: 'spec.model', digest: modelDigest, pinnedDigest, storage };
    return resolveModel(request, hooks).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
      const { code, message, retrying } = error;
      throw new ModelFault({ reason: reasons[code], message, retrying }, error);
    });
  };
}
