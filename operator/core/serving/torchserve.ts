import { paths, ports, servingEnv } from '../../../runtime/contract.ts';
import type { ModelDeploymentSpec } from '../../api/model-deployment.gen.ts';
import { mountedObject, type MountedObject } from './mounted-objects.ts';

type Serving = ModelDeploymentSpec['serving'];

const portName = 'torchserve';

export const torchServeObjects = ({ torchServe }: Serving): MountedObject[] =>
  mountedObject('Secret', torchServe?.tokenSecretRef.name, {
    field: 'spec.serving.torchServe.tokenSecretRef.name',
    volume: 'modelyard-torchserve-token',
    path: paths.torchServeToken,
  });

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
