import { caConfigMapKey, paths, ports, servingEnv, type OidcSettings } from '../../../runtime/contract.ts';
import type { ModelDeploymentSpec } from '../../api/model-deployment.gen.ts';
import { type Env, plainEnv } from '../pod-template.ts';
import { mountedObject, type MountedObject } from './mounted-objects.ts';

type Access = NonNullable<ModelDeploymentSpec['access']>;

export function accessObjects({ apiKeys, tls }: Access = {}): MountedObject[] {
  return [
    ...mountedObject('Secret', apiKeys?.secretRef.name, {
      field: 'spec.access.apiKeys.secretRef.name',
      volume: 'modelyard-api-keys',
      path: paths.apiKeys,
    }),
    ...mountedObject('Secret', tls?.secretRef.name, {
      field: 'spec.access.tls.secretRef.name',
      volume: 'modelyard-tls',
      path: paths.tls,
    }),
    ...mountedObject('ConfigMap', tls?.clientCaConfigMapRef?.name, {
      field: 'spec.access.tls.clientCaConfigMapRef.name',
      volume: 'modelyard-client-ca',
      path: paths.clientCa,
    }),
  ];
}

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
