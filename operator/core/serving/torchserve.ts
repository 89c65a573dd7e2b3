import { paths, ports, servingEnv } from '../../../runtime/contract.ts';
import type { ModelDeploymentSpec } from '../../api/model-deployment.gen.ts';
import type { Mount } from '../pod-setup.ts';

type Serving = ModelDeploymentSpec['serving'];

const volume = 'modelyard-torchserve-token';

const portName = 'torchserve';

const secretOf = ({ torchServe }: Serving): string[] =>
  torchServe === undefined ? [] : [torchServe.tokenSecretRef.name];

/** What a node mounts for TorchServe's calls, and has to be there. */
export const torchServeMounts = (serving: Serving): Mount[] =>
  secretOf(serving).map((name) => ({ kind: 'Secret', name, field: 'spec.serving.torchServe.tokenSecretRef.name' }));

export const torchServeVolumes = (serving: Serving): object[] =>
  secretOf(serving).map((secretName) => ({ name: volume, secret: { secretName } }));

export const torchServeVolumeMounts = (serving: Serving): object[] =>
  secretOf(serving).map(() => ({ name: volume, mountPath: paths.torchServeToken, readOnly: true }));

export const torchServeEnv = ({ torchServe }: Serving): Record<string, string | undefined> => ({
  [servingEnv.torchServeTokenDir]: torchServe && paths.torchServeToken,
});

/** Of the container, by name. */
export const torchServeContainerPorts = ({ torchServe }: Serving): Record<string, number> =>
  torchServe === undefined ? {} : { [portName]: ports.torchServe };

/** Of the Service. */
export const torchServePorts = ({ torchServe }: Serving): object[] =>
  torchServe === undefined
    ? []
    : [{ name: portName, port: ports.torchServe, targetPort: portName, protocol: 'TCP', appProtocol: 'http' }];

/** For clients to come in. */
export const torchServeIngress = ({ torchServe }: Serving): number[] =>
  torchServe === undefined ? [] : [ports.torchServe];
