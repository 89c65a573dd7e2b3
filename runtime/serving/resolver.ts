import type { ServingConfig } from '../config.ts';
import type { FaultReason, ListedModel } from '../contract.ts';
import { ModelFault } from '../errors.ts';
import { StoreError, type StoreCode } from '../store/errors.ts';
import { resolveModel } from '../store/model.ts';
import type { CacheEvents } from '../store/request.ts';
import { readPin } from './pin.ts';
import type { Resolve } from './served-model-options.ts';
import type { ServingMetrics } from './serving-metrics.ts';

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

/**
 * Gets a model from the store. The pin is read at every try, as the kubelet renews it at any time.
 *
 * Without `pinDir` no pin counts: content that a pin names may be had from the cache by who may not read it at its URI.
 *
 * @param field of the spec that names the model: `spec.model`
 */
export function resolverOf(
  { uri, digest }: ListedModel,
  field: string,
  { pinDir, storage }: Pick<ServingConfig, 'storage'> & Partial<Pick<ServingConfig, 'pinDir'>>,
  { cacheRequests, cachePruned, cacheBytes }: Pick<ServingMetrics, 'cacheRequests' | 'cachePruned' | 'cacheBytes'>,
): Resolve {
  const cacheEvents: CacheEvents = {
    looked: (result) => cacheRequests.inc({ result }),
    pruned: (bytes) => cachePruned.inc(bytes),
    holds: (bytes) => cacheBytes.set(bytes),
  };
  return async (hooks) => {
    const pinnedDigest = pinDir === undefined ? undefined : await readPin(pinDir, uri, hooks.log);
    const request = { uri, field, digest, pinnedDigest, storage };
    return resolveModel(request, { ...hooks, cacheEvents }).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
      const { code, message, retrying } = error;
      throw new ModelFault({ reason: reasons[code], message, retrying }, error);
    });
  };
}
