/**
 * What the operator writes and the runtime reads, and what the runtime reports and the operator reads: the only file
 * that both import. Nothing here does anything.
 */

import type { TensorDataType } from '../lib/tensor-codec.ts';

/** Ports of a serving pod. The Service maps 80 to `http`, and others to themselves. */
export const ports = {
  /** Open Inference Protocol over REST. */
  http: 8080,
  /** Open Inference Protocol over gRPC. */
  grpc: 9000,
  /** Probes, metrics and the report; never behind the Service. */
  admin: 8081,
  /** TorchServe's inference and management calls; closed unless `torchServeTokenDir` is set. */
  torchServe: 8085,
} as const;

/** Paths on the admin port. */
export const adminPaths = {
  live: '/livez',
  ready: '/readyz',
  metrics: '/metrics',
  report: '/report',
} as const;

/** Environment variables of a serving pod. Durations are whole milliseconds, booleans `true` or `false`. */
export const servingEnv = {
  /** The model's name in URLs: the ModelDeployment's name. */
  modelName: 'MODELYARD_MODEL_NAME',
  modelUri: 'MODELYARD_MODEL_URI',
  /** Instead of a model's name, URI, digest and task: a file of several, which is read again when it changes; see `modelsFile`. */
  modelsFile: 'MODELYARD_MODELS_FILE',
  /** Optional: bytes that the processes of several models may hold together. */
  memoryBudget: 'MODELYARD_MEMORY_BUDGET',
  /** Optional, `sha256:HEX`. */
  modelDigest: 'MODELYARD_MODEL_DIGEST',
  task: 'MODELYARD_TASK',
  batchMaxSize: 'MODELYARD_BATCH_MAX_SIZE',
  batchMaxDelayMs: 'MODELYARD_BATCH_MAX_DELAY_MS',
  queueMaxLength: 'MODELYARD_QUEUE_MAX_LENGTH',
  timeoutMs: 'MODELYARD_TIMEOUT_MS',
  warmup: 'MODELYARD_WARMUP',
  /** `None` or `Explicit`: whether clients may load and unload models. */
  modelControl: 'MODELYARD_MODEL_CONTROL',
  /** `None`, `Failed` or `All`: which requests of inference are logged. */
  accessLog: 'MODELYARD_ACCESS_LOG',
  /** Optional: a folder with the files of `torchServeTokens`; absent: the port is closed. */
  torchServeTokenDir: 'MODELYARD_TORCHSERVE_TOKEN_DIR',
  /** `cpu` or `cuda`: the ONNX Runtime execution provider. */
  executionProvider: 'MODELYARD_EXECUTION_PROVIDER',
  /** Optional. */
  endpoint: 'MODELYARD_STORAGE_ENDPOINT',
  /** Optional. */
  region: 'MODELYARD_STORAGE_REGION',
  /** Optional: PEM certificates to trust beside the public ones. */
  storageCa: 'MODELYARD_STORAGE_CA',
  /** Comma-separated CIDRs of private address ranges that a model URI may name. */
  storageAllowedCidrs: 'MODELYARD_STORAGE_ALLOWED_CIDRS',
  /** Where content-addressed models are kept. */
  cacheDir: 'MODELYARD_CACHE_DIR',
  /** Optional: what the cache may hold beside what is in use. */
  cacheMaxBytes: 'MODELYARD_CACHE_MAX_BYTES',
  /** Where the volume of a `pvc://` URI is mounted. */
  volumesDir: 'MODELYARD_VOLUMES_DIR',
  /** A folder that may hold the pin file; see `pinFile`. */
  pinDir: 'MODELYARD_PIN_DIR',
  /** The pod's own address. A loopback one is listened on alone; any other means all addresses, for `kubectl port-forward`. */
  podIp: 'POD_IP',
  podName: 'POD_NAME',
  /** How long a pod that was told to stop goes on accepting, while its endpoint is withdrawn. */
  drainDelayMs: 'MODELYARD_DRAIN_DELAY_MS',
  logLevel: 'MODELYARD_LOG_LEVEL',
  /** `file` URIs are for laptops: `true` there, absent on a cluster. */
  allowFileUris: 'MODELYARD_ALLOW_FILE_URIS',
  /** Optional: a folder of files NAME → `sha256:HEX` of that caller's API key. */
  apiKeysDir: 'MODELYARD_API_KEYS_DIR',
  /** Optional: `OidcSettings` as JSON. */
  oidc: 'MODELYARD_OIDC',
  /** Optional: PEM certificates to trust beside the public ones where the issuer is asked. */
  oidcCa: 'MODELYARD_OIDC_CA',
  /** Optional: a folder with the files of `tlsFiles`; absent: no TLS. */
  tlsDir: 'MODELYARD_TLS_DIR',
  /** One of `clientCertificates`. */
  clientCertificates: 'MODELYARD_CLIENT_CERTIFICATES',
  /** Optional: a folder whose `ca.crt` signs clients; absent: that of `tlsDir`. */
  clientCaDir: 'MODELYARD_CLIENT_CA_DIR',
} as const;

/** Whose tokens are taken, as `spec.access.oidc` says. */
export interface OidcSettings {
  issuer: string;
  /** One of these must be in the token's `aud`. */
  audiences: string[];
  /** Absent: what the issuer's discovery document names. */
  jwksUri?: string;
  /** Each must be the value of the token's claim, or one of its values. */
  requiredClaims?: Record<string, string>;
}

/** Whether clients must show a certificate. */
export const clientCertificates = ['None', 'Required'] as const;

export type ClientCertificates = (typeof clientCertificates)[number];

/** Keys of a Secret of type kubernetes.io/tls with a CA, as cert-manager makes it. */
export const tlsFiles = { certificate: 'tls.crt', key: 'tls.key', ca: 'ca.crt' } as const;

/** Variables of OpenTelemetry that a serving pod reads; without an endpoint it traces nothing. */
export const tracingEnv = {
  endpoint: 'OTEL_EXPORTER_OTLP_ENDPOINT',
  /** `tracesSampler`, the only one there is. */
  sampler: 'OTEL_TRACES_SAMPLER',
  /** From 0 to 1. */
  samplingRatio: 'OTEL_TRACES_SAMPLER_ARG',
  serviceName: 'OTEL_SERVICE_NAME',
  /** `NAME=VALUE`, comma-separated. */
  resourceAttributes: 'OTEL_RESOURCE_ATTRIBUTES',
} as const;

/** What their values look like. */
export const tracingSyntax = {
  endpoint: /^https?:\/\/[^\s/@]+(\/[^\s?#]*)?$/,
  /** Tiny ones as Helm and JavaScript write them. */
  samplingRatio: /^(0(\.\d+)?|1(\.0+)?|\d(\.\d+)?e-\d+)$/,
} as const;

/** Whoever calls with a trace decides whether it is recorded; of those that begin here a share is. */
export const tracesSampler = 'parentbased_traceidratio';

/** Values of `spec.model.task` that this version serves. */
export const servedTasks = [
  'Tensor',
  'Tabular',
  'TextClassification',
  'TokenClassification',
  'FeatureExtraction',
  'ImageClassification',
] as const;

export type ServedTask = (typeof servedTasks)[number];

/** Whether clients may load and unload models: `Explicit` as Triton names it. */
export const modelControls = ['None', 'Explicit'] as const;

export type ModelControl = (typeof modelControls)[number];

/** Which requests of inference leave a line in the log. */
export const accessLogs = ['None', 'Failed', 'All'] as const;

export type AccessLogChoice = (typeof accessLogs)[number];

/** Keys of the Secret that `spec.serving.torchServe.tokenSecretRef` names: what the token under each lets a client do. */
export const torchServeTokens = ['inference', 'management'] as const;

export type TorchServeToken = (typeof torchServeTokens)[number];

/** Schemes of `spec.model.uri` that this version reads on a cluster; a laptop reads `file` too. */
export const servedSchemes = ['s3', 'http', 'https', 'pvc', 'oci', 'hf', 'gs'] as const;

export type ServedScheme = (typeof servedSchemes)[number];

/** Keys of the Secret that `credentialsSecretRef` names, which are also the variables they arrive in. */
export const credentialKeys = {
  s3: { required: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'], optional: ['AWS_SESSION_TOKEN'] },
  http: { required: ['HTTP_AUTHORIZATION'], optional: [] },
  /** As in a Secret of type kubernetes.io/dockerconfigjson, which image pull secrets are. */
  oci: { required: ['.dockerconfigjson'], optional: [] },
  hf: { required: ['HF_TOKEN'], optional: [] },
  /** A service account's key, under the name that KServe gives it. */
  gs: { required: ['gcloud-application-credentials.json'], optional: [] },
} as const;

/** The key of the ConfigMap that `caConfigMapRef` names. */
export const caConfigMapKey = 'ca.crt';

/** Folders in a serving container. */
export const paths = {
  cache: '/modelyard/cache',
  volumes: '/modelyard/volumes',
  pin: '/modelyard/pin',
  models: '/modelyard/models',
  apiKeys: '/modelyard/api-keys',
  tls: '/modelyard/tls',
  clientCa: '/modelyard/client-ca',
  torchServeToken: '/modelyard/torchserve-token',
} as const;

/** The file in `paths.models` that lists several models: JSON of `ModelList`. The kubelet renews it without restarting the pod. */
export const modelsFile = 'models.json';

export interface ModelList {
  models: ListedModel[];
}

/** One of several models that share the memory of a pod. */
export interface ListedModel {
  /** In URLs. */
  name: string;
  uri: string;
  /** `sha256:HEX`. */
  digest?: string;
  task: ServedTask;
}

/**
 * The file in `pinDir` that pins content loaded by another replica: JSON of `{ [uri]: "sha256:HEX" }`. The kubelet
 * renews it without restarting the pod, so pinning is no rollout.
 */
export const pinFile = 'digests.json';

/** Exit codes of the serving process. */
export const exitCodes = {
  ok: 0,
  /** A bug: an error nobody expected. */
  bug: 1,
  /** The environment does not make a configuration. */
  badConfiguration: 64,
} as const;

/** How long a pod that was told to stop goes on accepting. */
export const drainDelayMs = 5_000;

/** Data types as the Open Inference Protocol names them. */
export type DataType = TensorDataType;

export interface TensorSignature {
  name: string;
  dataType: DataType;
  /** -1 is dynamic. */
  shape: number[];
}

/**
 * What the ModelDeployment's status holds of a model's inputs, and as much of its outputs. A list beyond any of these is
 * left out of the report; the model serves all the same.
 */
export const tensorListLimits = {
  tensors: 256,
  nameLength: 256,
  rank: 32,
  /** Of the list as JSON, so that two of them fit into an answer that the operator reads. */
  jsonBytes: 100_000,
} as const;

/** Why a model does not serve, in the words of a condition's reason. */
export type FaultReason =
  | 'ModelNotFound'
  | 'DigestMismatch'
  | 'AccessDenied'
  | 'AddressNotAllowed'
  | 'StorageUnavailable'
  | 'ArchiveRefused'
  | 'InvalidModel'
  | 'UnsupportedModel'
  | 'AcceleratorUnavailable'
  | 'OutOfMemory'
  | 'ModelCrashed'
  | 'LoadTimeout';

export interface Fault {
  reason: FaultReason;
  /** What happened and what to do about it; no stack, no path of the container. */
  message: string;
  /** True where the same spec may still succeed: the runtime goes on trying. */
  retrying: boolean;
}

/** What is wrong with who may call. */
export interface AccessFault {
  reason: 'InvalidApiKeys' | 'InvalidTlsSecret' | 'IssuerUnavailable';
  /** What happened and what to do about it; nothing of a key or a token. */
  message: string;
  /** True where nobody gets in. */
  closed: boolean;
}

/** `GET /report` on the admin port, of a pod that serves one model. */
export interface ServingReport {
  version: 1;
  kind: 'Serving';
  podName: string;
  model: ModelReport;
  access?: AccessFault;
}

/** The same of a pod that serves several. */
export interface SharedServingReport {
  version: 1;
  kind: 'SharedServing';
  podName: string;
  /** In the order of the list that the pod read last. */
  models: SharedModelReport[];
  access?: AccessFault;
}

export interface SharedModelReport extends Pick<ModelReport, 'uri' | 'phase' | 'digest' | 'fault'> {
  name: string;
}

export interface ModelReport {
  uri: string;
  /**
   * `Standby`: one of several, not in memory until it is asked for. `Unloaded`: a client of the model repository did it, and
   * may load it again.
   */
  phase:
    'Resolving' | 'Downloading' | 'Loading' | 'WarmingUp' | 'Ready' | 'Failed' | 'Draining' | 'Unloaded' | 'Standby';
  /** Known once the content was read. */
  digest?: string;
  /** Of a download. */
  bytesDone?: number;
  /** Of a download, where the source says. */
  bytesTotal?: number;
  /** Of a model that was loaded, where within `tensorListLimits`. */
  inputs?: TensorSignature[];
  /** Like `inputs`. */
  outputs?: TensorSignature[];
  fault?: Fault;
}
