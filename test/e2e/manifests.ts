import type { KubeObject } from '../../operator/kube/object.ts';

const storageKeys = { AWS_ACCESS_KEY_ID: 'e2e-access-key', AWS_SECRET_ACCESS_KEY: 'e2e-secret-key' };
export const storageEndpoint = 'http://s3.storage.svc:7070';

const restrictedPod = {
  runAsNonRoot: true,
  runAsUser: 65532,
  runAsGroup: 65532,
  fsGroup: 65532,
  seccompProfile: { type: 'RuntimeDefault' },
};
const restrictedContainer = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

/** A namespace that admits only pods within the `restricted` Pod Security Standard. */
export function restrictedNamespace(name: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  };
}

export function secret(namespace: string, name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name }, stringData: storageKeys };
}

const accessModes = ['ReadWriteOnce'];
const storage = '1Gi';

/** A folder of the node, for the claim of this name. */
export function nodeVolume(namespace: string, name: string, node: string, path: string): KubeObject {
  const onNode = [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }];
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `${namespace}-${name}` },
    spec: {
      accessModes,
      capacity: { storage },
      storageClassName: '',
      claimRef: { namespace, name },
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: onNode } },
    },
  };
}

/** @param storageClass absent: the cluster's default one provides a volume; empty: there is one already */
export function claim(namespace: string, name: string, storageClass?: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { namespace, name },
    spec: {
      accessModes,
      resources: { requests: { storage } },
      ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
    },
  };
}

/** A pod that copies a folder of its image into a claim, and ends. */
export function filler(namespace: string, image: string, folder: string, claimName: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name: `fill-${claimName}` },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      securityContext: restrictedPod,
      volumes: [{ name: 'claim', persistentVolumeClaim: { claimName } }],
      containers: [
        {
          name: 'fill',
          image,
          imagePullPolicy: 'IfNotPresent',
          securityContext: restrictedContainer,
          command: ['node', '--eval', 'fs.cpSync(process.argv[1], "/claim", { recursive: true })', folder],
          volumeMounts: [{ name: 'claim', mountPath: '/claim' }],
        },
      ],
    },
  };
}

/** A pod of one container with a writable /tmp, owned by a Deployment of one replica. */
function deployment(namespace: string, name: string, container: object): KubeObject {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 1,
          automountServiceAccountToken: false,
          securityContext: restrictedPod,
          volumes: [{ name: 'tmp', emptyDir: {} }],
          containers: [
            {
              name,
              imagePullPolicy: 'IfNotPresent',
              securityContext: restrictedContainer,
              volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
              ...container,
            },
          ],
        },
      },
    },
  };
}

/** A real S3 server with its own Service, `s3` in the namespace. */
export function storageServer(namespace: string, image: string): KubeObject[] {
  const env = { ROOT_ACCESS_KEY: storageKeys.AWS_ACCESS_KEY_ID, ROOT_SECRET_KEY: storageKeys.AWS_SECRET_ACCESS_KEY };
  return [
    deployment(namespace, 's3', {
      image,
      args: ['--port', ':7070', 'posix', '/tmp'],
      env: Object.entries(env).map(([name, value]) => ({ name, value })),
      readinessProbe: { tcpSocket: { port: 7070 }, periodSeconds: 1 },
    }),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name: 's3' },
      spec: { selector: { app: 's3' }, ports: [{ port: 7070 }] },
    },
  ];
}

/** A pod to send requests from: it waits for `kubectl exec`. */
export function caller(namespace: string, image: string): KubeObject {
  return deployment(namespace, 'caller', {
    image,
    command: ['node', '--eval', 'setInterval(() => {}, 2 ** 30)'],
    env: Object.entries(storageKeys).map(([name, value]) => ({ name, value })),
  });
}
