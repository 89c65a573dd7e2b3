/**
 * The part of the contract between operator and runtime that is about training: what the operator writes for the pods of a
 * TrainingJob, and what they report. Nothing here does anything.
 */

/** Ports of a training pod. Neither is behind a Service with an address; pods are found by their names in DNS. */
export const trainingPorts = {
  /** Of a parameter server: frames between roles, see docs/training.md. */
  transport: 7000,
  /** Probes, metrics and the report. */
  admin: 8081,
} as const;

/** Environment variables of a training pod, beside `cacheDir`, `volumesDir`, `podIp`, `podName`, `logLevel`, `storageAllowedCidrs` and `allowFileUris` of `servingEnv`. */
export const trainingEnv = {
  /** A `TrainingRole`. */
  role: 'MODELYARD_ROLE',
  /** The number in the pod's name. */
  index: 'MODELYARD_INDEX',
  /** The path of a `TrainingJobFile` as JSON. */
  jobFile: 'MODELYARD_JOB_FILE',
  /** Where each parameter server is found, in order: comma-separated HOST:PORT. */
  parameterServers: 'MODELYARD_PARAMETER_SERVERS',
  /** A folder with `tls.crt`, `tls.key` and `ca.crt`; absent: no TLS. */
  tlsDir: 'MODELYARD_TLS_DIR',
  /** `cpu` or `cuda`: the ONNX Runtime execution provider of a worker. */
  executionProvider: 'MODELYARD_EXECUTION_PROVIDER',
  /** Optional: where the last words of a process go, instead of /dev/termination-log. */
  terminationLog: 'MODELYARD_TERMINATION_LOG',
  /** Optional, for laptops, which have no DNS for pods: a file of JSON `{ [host]: address }`, renewed as pods come and go. */
  hostsFile: 'MODELYARD_HOSTS_FILE',
} as const;

export type TrainingRole = 'ParameterServer' | 'Worker';

/** Folders in a training container, beside those of a serving one. */
export const trainingPaths = {
  job: '/modelyard/job',
  tls: '/modelyard/tls',
} as const;

/** The file in `trainingPaths.job`. */
export const jobFileName = 'job.json';

/**
 * Each place that a job reads or writes has credentials of its own. They arrive in the variables of `credentialKeys` and
 * `storageCa` with this before the name, such as `DATA_AWS_ACCESS_KEY_ID`.
 */
export const locationPrefixes = {
  model: 'MODEL_',
  data: 'DATA_',
  tokenizer: 'TOKENIZER_',
  checkpoint: 'CHECKPOINT_',
  output: 'OUTPUT_',
} as const;

export type LocationName = keyof typeof locationPrefixes;

/** A URI and how to reach it, without what is secret. */
export interface Location {
  uri: string;
  endpoint?: string;
  region?: string;
}

export interface OptimizerSpec {
  name: 'SGD' | 'Momentum' | 'Nesterov' | 'Adagrad' | 'Adam' | 'AdamW';
  learningRate: number;
  /** Decoupled for AdamW; for the others it is added to the gradient, as in L2 regularisation. */
  weightDecay: number;
  /** Of Momentum and Nesterov. */
  momentum: number;
  /** Of Adam and AdamW. */
  beta1: number;
  /** Of Adam and AdamW. */
  beta2: number;
  /** Of Adagrad, Adam and AdamW. */
  epsilon: number;
  /** Gradients whose norm over all parameters is larger are scaled down to it. Absent: no clipping. */
  clipNorm?: number;
  schedule: {
    name: 'Constant' | 'Linear' | 'Cosine';
    /** Steps over which the rate first rises from 0. */
    warmupSteps: number;
  };
}

/** Names of what is measured beside the loss. */
export const metricNames = ['accuracy', 'f1', 'meanAbsoluteError', 'meanSquaredError', 'r2'] as const;

export type MetricName = (typeof metricNames)[number];

export interface AcceptanceSpec {
  /** `loss` or a `MetricName`, on the test split. */
  metric: string;
  atLeast?: number;
  atMost?: number;
}

export type ModelSource =
  | { kind: 'Onnx'; location: Location }
  | { kind: 'Mlp'; hidden: number[]; activation: Activation; dropout: number }
  | {
      kind: 'Cnn';
      channels: number[];
      kernelSize: number;
      activation: Activation;
      batchNormalization: boolean;
      dropout: number;
    };

export type Activation = 'Relu' | 'Tanh' | 'Sigmoid';

export interface DataSpec {
  location: Location;
  /** The column, or the array of an npz file, that is to be predicted. The columns of an npy file are called by their numbers, from `0`. */
  label: string;
  /** The columns that predict it, in order. Absent: all but the label. Never beside an image. */
  features?: string[];
  /** What the features of a row become, without the batch: `[1, 28, 28]`. Absent: what a sole array of an npz file has; else one dimension. */
  shape?: number[];
  /** Every feature is multiplied by this; levels of an image, which are 0 to 255, come as 0 to 1 times this. */
  scale: number;
  /** A column of image files, relative to the data, or of encoded images: JPEG or PNG, resized as a server resizes them. */
  image?: { column: string; height: number; width: number; channels: 1 | 3 };
  text?: { column: string; tokenizer: Location; maxLength: number };
  validationSplit: number;
  testSplit: number;
  /** How many rows may be left out because a value in them is missing or malformed. */
  maxBadRows: number;
}

/** All that the pods of a job are told: the operator writes it into a ConfigMap once. */
export interface TrainingJobFile {
  version: 1;
  namespace: string;
  name: string;
  /** `sha256:HEX` over all that decides the model's bytes, but for the data's content. */
  specHash: string;
  model: ModelSource;
  /** Names of weights that stay as they are; `*` stands for any characters. */
  freeze: string[];
  /** A fresh last layer with so many classes. */
  headClasses?: number;
  data: DataSpec;
  loss: 'CrossEntropy' | 'MeanSquaredError';
  metrics: MetricName[];
  optimizer: OptimizerSpec;
  epochs: number;
  batchSize: number;
  gradientShards: number;
  seed: number;
  /** Epochs to wait for a lower validation loss. */
  patience?: number;
  checkpoint: { location: Location; every: number; keep: number };
  output: { location: Location; modelName: string };
  acceptance?: AcceptanceSpec;
}

/**
 * How long `spec.output.uri` may be, percent-encoded: what names a version, `/MODELNAME/SPECHASH-DATADIGEST-MODELDIGEST/model`, comes behind
 * it, and the whole must have no more than the 1024 characters that a status holds.
 */
export const maxOutputUriLength = 900;

/** Exit codes of a training process, beside `exitCodes`. */
export const trainingExitCodes = {
  /** The job is over, and it failed: the termination message is a `TrainingOutcome` as JSON. */
  failed: 65,
  /** Another incarnation of this pod took over. */
  superseded: 66,
} as const;

/** Why a job failed or stands still, in the words of a condition's reason. */
export type TrainingReason =
  /** Terminal: only another spec or other data help. */
  | 'ModelNotTrainable'
  | 'InvalidModel'
  | 'InvalidData'
  | 'DataNotFound'
  | 'ModelNotFound'
  | 'BadRows'
  | 'DataChanged'
  | 'LossNotFinite'
  | 'OutputConflict'
  | 'InvalidTransportSecret'
  | 'AccessDenied'
  | 'AddressNotAllowed'
  | 'StorageUnsupported'
  | 'AcceleratorUnavailable'
  /** Passing: tried again. */
  | 'StorageUnavailable'
  | 'StorageFull'
  | 'WaitingForServers'
  | 'WaitingForWorkers'
  | 'OutOfMemory';

export interface TrainingFault {
  reason: TrainingReason;
  /** What happened and what to do about it; no stack, no path of the container. */
  message: string;
  /** True where the same spec may still succeed: the pod goes on trying. */
  retrying: boolean;
}

/** How a job ended. Small enough for a termination message. */
export interface TrainingOutcome {
  succeeded: boolean;
  /** `Trained`, `AlreadyTrained`, or a terminal `TrainingReason`. */
  reason: string;
  message: string;
  output?: {
    /** What a ModelDeployment serves: the folder `model/` of this version of the lineage. */
    uri: string;
    /** Of that folder, as the model store computes it, `sha256:HEX`. */
    digest: string;
    specHash: string;
    dataDigest: string;
    /** Steps done. */
    steps: number;
    /** The version that this job's newest checkpoint holds; absent where it wrote none, for another job had made the same. */
    checkpointStep?: number;
    /** When this job first ended so, in milliseconds since 1970: applied again, it says the same. */
    completedAtMs: number;
    /** Of the best model on the test split: `loss` and each metric. */
    testMetrics: Record<string, number>;
  };
}

/** Last words of server 0 as JSON where it is told to stop before the job is over, with the exit code 0. */
export interface TrainingFarewell {
  /** Steps done. */
  step: number;
  /** The version that the newest complete checkpoint holds: the job goes on from it. */
  checkpointStep: number;
}

export interface HistoryPoint {
  /** Steps done. */
  step: number;
  /** The mean training loss since the point before. */
  loss: number;
  validationLoss?: number;
}

/** What server 0 knows of the whole job. */
export interface JobProgress {
  /** Steps done, which is also the version of the parameters. */
  step: number;
  totalSteps: number;
  /** From 1. */
  epoch: number;
  /** The mean over the last steps. */
  loss?: number;
  /** On the validation split, after the last epoch: `loss` and each metric. */
  validationMetrics: Record<string, number>;
  samplesPerSecond?: number;
  /** Seconds, if it goes on like this. */
  remainingSeconds?: number;
  connectedServers: number;
  connectedWorkers: number;
  /** Steps that were done, and were done again because a server was lost. */
  recomputedSteps: number;
  /** The version that the newest complete checkpoint holds. */
  checkpointStep?: number;
  /** At most 64 points over the whole run. */
  history: HistoryPoint[];
  /** Rows of the data, and how many of them were left out. */
  rows?: number;
  badRows?: number;
}

/** `GET /report` on the admin port of a training pod. */
export interface TrainingReport {
  version: 1;
  kind: 'Training';
  podName: string;
  role: TrainingRole;
  index: number;
  /** `Preparing` reads model and data; `Waiting` lacks other pods. */
  phase: 'Preparing' | 'Waiting' | 'Running' | 'Finishing' | 'Succeeded' | 'Failed' | 'Stopping';
  /** What is the matter now; gone once it is over. */
  fault?: TrainingFault;
  /** Of server 0 alone. */
  job?: JobProgress;
  /** Of server 0 alone, once the job is over. */
  outcome?: TrainingOutcome;
}
