import { caConfigMapKey, paths, ports, servingEnv, type OidcSettings } from '../../../runtime/contract.ts';
import type { ModelDeploymentSpec } from '../../api/model-deployment.gen.ts';
import { type Env, plainEnv } from '../pod-template.ts';
import type { Mount } from '../pod-setup.ts';

type Access = NonNullable<ModelDeploymentSpec['access']>;

/** A Secret or ConfigMap that the kubelet keeps in a folder of the container: neither the operator nor a restart has a part in it. */
interface Kept extends Mount {
  volume: string;
  path: string;
}

function keptBy({ apiKeys, tls }: Access): Kept[] {
  const kept = (kind: 'Secret' | 'ConfigMap', volume: string, path: string, field: string, name?: string): Kept[] =>
    name === undefined ? [] : [{ kind, name, field: `spec.access.${field}.name`, volume, path }];
  return [
    ...kept('Secret', 'modelyard-api-keys', paths.apiKeys, 'apiKeys.secretRef', apiKeys?.secretRef.name),
    ...kept('Secret', 'modelyard-tls', paths.tls, 'tls.secretRef', tls?.secretRef.name),
    ...kept(
      'ConfigMap',
      'modelyard-client-ca',
      paths.clientCa,
      'tls.clientCaConfigMapRef',
      tls?.clientCaConfigMapRef?.name,
    ),
  ];
}

/** What a node mounts for it, and has to be there. */
export const accessMounts = (access: Access = {}): Mount[] =>
  keptBy(access).map(({ kind, name, field }) => ({ kind, name, field }));

export const accessVolumes = (access: Access = {}): object[] =>
  keptBy(access).map(({ kind, name, volume }) => ({
    name: volume,
    ...(kind === 'Secret' ? { secret: { secretName: name } } : { configMap: { name } }),
  }));

export const accessVolumeMounts = (access: Access = {}): object[] =>
  keptBy(access).map(({ volume, path }) => ({ name: volume, mountPath: path, readOnly: true }));

export function accessEnv({ apiKeys, oidc, tls }: Access = {}): Env[] {
  const ca = oidc?.caConfigMapRef?.name;
  return [
    ...plainEnv({
      [servingEnv.apiKeysDir]: apiKeys && paths.apiKeys,
      [servingEnv.oidc]: oidc && JSON.stringify(oidcSettings(oidc)),
      [servingEnv.tlsDir]: tls && paths.tls,
      [servingEnv.clientCertificates]: tls?.clientCertificates,
      [servingEnv.clientCaDir]: tls?.clientCaConfigMapRef && paths.clientCa,
    }),
    ...(ca === undefined
      ? []
      : [{ name: servingEnv.oidcCa, valueFrom: { configMapKeyRef: { name: ca, key: caConfigMapKey } } }]),
  ];
}

/** In one order, however an API server orders maps: another text would be another pod. */
function oidcSettings({ issuer, audiences, jwksUri, requiredClaims }: NonNullable<Access['oidc']>): OidcSettings {
  const claims = Object.entries(requiredClaims ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    issuer,
    audiences,
    ...(jwksUri === undefined ? {} : { jwksUri }),
    ...(claims.length === 0 ? {} : { requiredClaims: Object.fromEntries(claims) }),
  };
}

/**
 * The container's ports by name. With TLS two have other names, so that a Service which leads to these leads to no pod that still speaks in
 * the clear while pods are replaced.
 */
export const servingPorts = (tls: Access['tls']): Record<string, number> =>
  tls === undefined
    ? { http: ports.http, grpc: ports.grpc, admin: ports.admin }
    : { https: ports.http, grpcs: ports.grpc, admin: ports.admin };
