/** TrainingJob, generated from crds/ by `npm run generate`; change it there. */
import type { KubeObject } from '../kube/object.ts';

/**
 * What to train, on what, and what becomes of it. After creation only workers.replicas, acceptance and runPolicy may change.
 */
export interface TrainingJobSpec {
  /**
   * The built-in trainer: ONNX in, ONNX out.
   */
  train?: {
    /**
     * Where training starts.
     */
    model: {
      /**
       * An ONNX model whose operators have gradients.
       */
      uri?: string;
      /**
       * How to reach what the URI beside it names.
       */
      storage?: {
        /**
         * A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value; for oci: .dockerconfigjson, as image pull secrets have it; for hf: HF_TOKEN; for gs: gcloud-application-credentials.json, a service account's key.
         */
        credentialsSecretRef?: {
          /**
           * The Secret's name.
           */
          name: string;
        };
        /**
         * The server to ask, where it is not the one that the URI implies: of s3 other than AWS; for oci a registry that speaks plain HTTP; a mirror of hf; an emulator of gs.
         */
        endpoint?: string;
        /**
         * The S3 region.
         */
        region?: string;
        /**
         * A ConfigMap in the same namespace whose key ca.crt holds PEM certificates to trust beside the public ones.
         */
        caConfigMapRef?: {
          /**
           * The ConfigMap's name.
           */
          name: string;
        };
      };
      /**
       * Fully connected layers, built for the data's shape.
       */
      mlp?: {
        /**
         * The width of each hidden layer.
         */
        hidden: number[];
        /**
         * Between the layers.
         */
        activation: 'Relu' | 'Tanh' | 'Sigmoid';
        /**
         * The share of values that each hidden layer drops while it trains.
         */
        dropout: number;
      };
      /**
       * Convolutions with pooling, then one fully connected layer, built for the data's shape.
       */
      cnn?: {
        /**
         * The channels of each convolution.
         */
        channels: number[];
        /**
         * Of each convolution.
         */
        kernelSize: number;
        /**
         * Between the layers.
         */
        activation: 'Relu' | 'Tanh' | 'Sigmoid';
        /**
         * After each convolution.
         */
        batchNormalization: boolean;
        /**
         * The share of values that are dropped before the last layer while it trains.
         */
        dropout: number;
      };
    };
    /**
     * Fine-tuning; absent, everything is trained.
     */
    trainable?: {
      /**
       * Names of weights to leave as they are; '*' stands for any characters.
       */
      freeze?: string[];
      /**
       * A fresh last layer.
       */
      head?: {
        /**
         * How many classes it tells apart.
         */
        classes: number;
      };
    };
    /**
     * The samples.
     */
    data: {
      /**
       * Where they lie: csv, jsonl, npy, npz or parquet.
       */
      uri: string;
      /**
       * How to reach what the URI beside it names.
       */
      storage?: {
        /**
         * A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value; for oci: .dockerconfigjson, as image pull secrets have it; for hf: HF_TOKEN; for gs: gcloud-application-credentials.json, a service account's key.
         */
        credentialsSecretRef?: {
          /**
           * The Secret's name.
           */
          name: string;
        };
        /**
         * The server to ask, where it is not the one that the URI implies: of s3 other than AWS; for oci a registry that speaks plain HTTP; a mirror of hf; an emulator of gs.
         */
        endpoint?: string;
        /**
         * The S3 region.
         */
        region?: string;
        /**
         * A ConfigMap in the same namespace whose key ca.crt holds PEM certificates to trust beside the public ones.
         */
        caConfigMapRef?: {
          /**
           * The ConfigMap's name.
           */
          name: string;
        };
      };
      /**
       * The column, or the array of an npz file, that is to be predicted.
       */
      label: string;
      /**
       * The columns that predict it, in order; absent, all but the label and the image.
       */
      features?: string[];
      /**
       * What the features of a sample become, such as [1, 28, 28]; absent, as they come.
       */
      shape?: number[];
      /**
       * Every feature is multiplied by this.
       */
      scale: number;
      /**
       * For images.
       */
      image?: {
        /**
         * The column of files, relative to the data, or of encoded images.
         */
        column: string;
        /**
         * In pixels; images are resized to it.
         */
        height: number;
        /**
         * In pixels; images are resized to it.
         */
        width: number;
        /**
         * 1: grey; 3: red, green, blue.
         */
        channels: 1 | 3;
      };
      /**
       * For text models.
       */
      text?: {
        /**
         * The column that holds the text.
         */
        column: string;
        /**
         * A Hugging Face tokenizer.json.
         */
        tokenizer: string;
        /**
         * In tokens; longer texts are cut.
         */
        maxLength: number;
      };
      /**
       * The share that drives early stopping and "best".
       */
      validationSplit: number;
      /**
       * The share that drives acceptance, seen once.
       */
      testSplit: number;
      /**
       * How many rows may be left out because a value in them is missing or malformed.
       */
      maxBadRows: number;
    };
    /**
     * What is made small.
     */
    loss: 'CrossEntropy' | 'MeanSquaredError';
    /**
     * What is measured beside the loss.
     */
    metrics: ('accuracy' | 'f1' | 'meanAbsoluteError' | 'meanSquaredError' | 'r2')[];
    /**
     * How weights follow gradients.
     */
    optimizer: {
      /**
       * The rule.
       */
      name: 'SGD' | 'Momentum' | 'Nesterov' | 'Adagrad' | 'Adam' | 'AdamW';
      /**
       * The size of a step.
       */
      learningRate: number;
      /**
       * Decoupled for AdamW; for the others it is added to the gradient.
       */
      weightDecay: number;
      /**
       * Of Momentum and Nesterov.
       */
      momentum: number;
      /**
       * Of Adam and AdamW.
       */
      beta1: number;
      /**
       * Of Adam and AdamW.
       */
      beta2: number;
      /**
       * Of Adagrad, Adam and AdamW.
       */
      epsilon: number;
      /**
       * Gradients whose norm over all weights is larger are scaled down to it; absent, they are left as they are.
       */
      clipNorm?: number;
      /**
       * How the learning rate changes over the steps.
       */
      schedule: {
        /**
         * The curve, down to 0 at the last step.
         */
        name: 'Constant' | 'Linear' | 'Cosine';
        /**
         * Steps over which it first rises from 0.
         */
        warmupSteps: number;
      };
    };
    /**
     * How often every sample is seen.
     */
    epochs: number;
    /**
     * Samples in a step, over all workers.
     */
    batchSize: number;
    /**
     * The unit of work, of re-assignment and of ordered summation.
     */
    gradientShards: number;
    /**
     * Of every random choice.
     */
    seed: number;
    /**
     * Stops when validation no longer gets better.
     */
    earlyStopping?: {
      /**
       * Epochs to wait for a better one.
       */
      patience: number;
    };
  };
  /**
   * Your own containers, for PyTorch, TensorFlow or anything else.
   */
  containers?: {
    /**
     * Which variables tell a pod of its peers.
     */
    framework: 'Plain' | 'PyTorch' | 'TensorFlow';
    /**
     * The pod of a worker.
     */
    worker: {
      /**
       * The container's image.
       */
      image: string;
      /**
       * Instead of the image's entry point.
       */
      command?: string[];
      /**
       * Instead of the image's arguments.
       */
      args?: string[];
      /**
       * Variables of the container.
       */
      env?: {
        /**
         * The variable's name.
         */
        name: string;
        /**
         * Its value.
         */
        value?: string;
        /**
         * Takes it from an object in the same namespace.
         */
        secretKeyRef?: {
          /**
           * The object's name.
           */
          name: string;
          /**
           * The key in it.
           */
          key: string;
        };
        /**
         * Takes it from an object in the same namespace.
         */
        configMapKeyRef?: {
          /**
           * The object's name.
           */
          name: string;
          /**
           * The key in it.
           */
          key: string;
        };
      }[];
    };
    /**
     * The pod of a parameter server.
     */
    parameterServer?: {
      /**
       * The container's image.
       */
      image: string;
      /**
       * Instead of the image's entry point.
       */
      command?: string[];
      /**
       * Instead of the image's arguments.
       */
      args?: string[];
      /**
       * Variables of the container.
       */
      env?: {
        /**
         * The variable's name.
         */
        name: string;
        /**
         * Its value.
         */
        value?: string;
        /**
         * Takes it from an object in the same namespace.
         */
        secretKeyRef?: {
          /**
           * The object's name.
           */
          name: string;
          /**
           * The key in it.
           */
          key: string;
        };
        /**
         * Takes it from an object in the same namespace.
         */
        configMapKeyRef?: {
          /**
           * The object's name.
           */
          name: string;
          /**
           * The key in it.
           */
          key: string;
        };
      }[];
    };
  };
  /**
   * The pods that hold the weights.
   */
  parameterServers: {
    /**
     * How many.
     */
    replicas: number;
    /**
     * Compute resources of each, as in any container.
     */
    resources?: {
      /**
       * What the scheduler sets aside.
       */
      requests?: {
        /**
         * A quantity such as 2, 500m or 1.5Gi.
         */
        [k: string]: number | string;
      };
      /**
       * What the container may use at most.
       */
      limits?: {
        /**
         * A quantity such as 2, 500m or 1.5Gi.
         */
        [k: string]: number | string;
      };
    };
    /**
     * Settings of the pods beyond the fields above; nothing here can leave the restricted Pod Security Standard.
     */
    podTemplate?: {
      /**
       * Labels and annotations to add to the pods.
       */
      metadata?: {
        /**
         * Labels to add; those of Modelyard cannot be replaced.
         */
        labels?: {
          [k: string]: string;
        };
        /**
         * Annotations to add.
         */
        annotations?: {
          [k: string]: string;
        };
      };
      /**
       * Labels a node must carry.
       */
      nodeSelector?: {
        [k: string]: string;
      };
      /**
       * Taints the pods tolerate. Of nodes that are not ready or unreachable they tolerate 30 s unless this says otherwise.
       */
      tolerations?: {
        /**
         * A name such as example.com/team; absent with Exists, every taint is meant.
         */
        key?: string;
        operator?: 'Exists' | 'Equal';
        value?: string;
        effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
        tolerationSeconds?: number;
      }[];
      /**
       * The pods' priority class.
       */
      priorityClassName?: string;
      /**
       * The container runtime to use, such as nvidia.
       */
      runtimeClassName?: string;
      /**
       * The scheduler to use.
       */
      schedulerName?: string;
      /**
       * Secrets for the registry that holds the runtime's image.
       */
      imagePullSecrets?: {
        name: string;
      }[];
      /**
       * The identities the pods run under; all must be other than root. Volumes are written by fsGroup.
       */
      securityContext?: {
        runAsUser?: number;
        runAsGroup?: number;
        fsGroup?: number;
        supplementalGroups?: number[];
      };
    };
  };
  /**
   * The pods that compute gradients.
   */
  workers: {
    /**
     * How many; it may change while the job runs. Beyond spec.train.gradientShards they have nothing to do.
     */
    replicas: number;
    /**
     * The device each worker gets.
     */
    accelerator?: {
      /**
       * The extended resource's name, such as nvidia.com/gpu.
       */
      resource: string;
      /**
       * How many of them.
       */
      count: number;
    };
    /**
     * Compute resources of each, as in any container.
     */
    resources?: {
      /**
       * What the scheduler sets aside.
       */
      requests?: {
        /**
         * A quantity such as 2, 500m or 1.5Gi.
         */
        [k: string]: number | string;
      };
      /**
       * What the container may use at most.
       */
      limits?: {
        /**
         * A quantity such as 2, 500m or 1.5Gi.
         */
        [k: string]: number | string;
      };
    };
    /**
     * Settings of the pods beyond the fields above; nothing here can leave the restricted Pod Security Standard.
     */
    podTemplate?: {
      /**
       * Labels and annotations to add to the pods.
       */
      metadata?: {
        /**
         * Labels to add; those of Modelyard cannot be replaced.
         */
        labels?: {
          [k: string]: string;
        };
        /**
         * Annotations to add.
         */
        annotations?: {
          [k: string]: string;
        };
      };
      /**
       * Labels a node must carry.
       */
      nodeSelector?: {
        [k: string]: string;
      };
      /**
       * Taints the pods tolerate. Of nodes that are not ready or unreachable they tolerate 30 s unless this says otherwise.
       */
      tolerations?: {
        /**
         * A name such as example.com/team; absent with Exists, every taint is meant.
         */
        key?: string;
        operator?: 'Exists' | 'Equal';
        value?: string;
        effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
        tolerationSeconds?: number;
      }[];
      /**
       * The pods' priority class.
       */
      priorityClassName?: string;
      /**
       * The container runtime to use, such as nvidia.
       */
      runtimeClassName?: string;
      /**
       * The scheduler to use.
       */
      schedulerName?: string;
      /**
       * Secrets for the registry that holds the runtime's image.
       */
      imagePullSecrets?: {
        name: string;
      }[];
      /**
       * The identities the pods run under; all must be other than root. Volumes are written by fsGroup.
       */
      securityContext?: {
        runAsUser?: number;
        runAsGroup?: number;
        fsGroup?: number;
        supplementalGroups?: number[];
      };
    };
  };
  /**
   * Mutual TLS between the roles; absent, the NetworkPolicy alone keeps others out.
   */
  transport?: {
    /**
     * A Secret in the same namespace with tls.crt, tls.key and ca.crt.
     */
    tlsSecretRef: {
      /**
       * The Secret's name.
       */
      name: string;
    };
  };
  /**
   * How far workers may run ahead of each other.
   */
  consistency: {
    /**
     * The rule.
     */
    mode: 'Synchronous' | 'Bounded' | 'Asynchronous';
    /**
     * Steps between the fastest and the slowest worker, with Bounded.
     */
    staleness?: number;
  };
  /**
   * What survives the loss of every pod.
   */
  checkpoint: {
    /**
     * The folder to write to; absent, .checkpoints/NAMESPACE/NAME below spec.output.uri.
     */
    uri?: string;
    /**
     * How to reach what the URI beside it names.
     */
    storage?: {
      /**
       * A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value; for oci: .dockerconfigjson, as image pull secrets have it; for hf: HF_TOKEN; for gs: gcloud-application-credentials.json, a service account's key.
       */
      credentialsSecretRef?: {
        /**
         * The Secret's name.
         */
        name: string;
      };
      /**
       * The server to ask, where it is not the one that the URI implies: of s3 other than AWS; for oci a registry that speaks plain HTTP; a mirror of hf; an emulator of gs.
       */
      endpoint?: string;
      /**
       * The S3 region.
       */
      region?: string;
      /**
       * A ConfigMap in the same namespace whose key ca.crt holds PEM certificates to trust beside the public ones.
       */
      caConfigMapRef?: {
        /**
         * The ConfigMap's name.
         */
        name: string;
      };
    };
    /**
     * In steps.
     */
    every: number;
    /**
     * How many of the newest to keep.
     */
    keep: number;
  };
  /**
   * Where the model goes. Each accepted job adds one immutable version to the lineage.
   */
  output: {
    /**
     * The folder that holds the lineage.
     */
    uri: string;
    /**
     * How to reach what the URI beside it names.
     */
    storage?: {
      /**
       * A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value; for oci: .dockerconfigjson, as image pull secrets have it; for hf: HF_TOKEN; for gs: gcloud-application-credentials.json, a service account's key.
       */
      credentialsSecretRef?: {
        /**
         * The Secret's name.
         */
        name: string;
      };
      /**
       * The server to ask, where it is not the one that the URI implies: of s3 other than AWS; for oci a registry that speaks plain HTTP; a mirror of hf; an emulator of gs.
       */
      endpoint?: string;
      /**
       * The S3 region.
       */
      region?: string;
      /**
       * A ConfigMap in the same namespace whose key ca.crt holds PEM certificates to trust beside the public ones.
       */
      caConfigMapRef?: {
        /**
         * The ConfigMap's name.
         */
        name: string;
      };
    };
    /**
     * The lineage's name, which spec.model.trained.name of a ModelDeployment follows.
     */
    modelName: string;
  };
  /**
   * What the trained model must reach on the test split; below it the model is kept, and never served.
   */
  acceptance?: {
    /**
     * loss or one of spec.train.metrics.
     */
    metric: string;
    /**
     * For metrics where more is better.
     */
    atLeast?: number;
    /**
     * For metrics where less is better.
     */
    atMost?: number;
  };
  /**
   * How the job runs.
   */
  runPolicy: {
    /**
     * Stops the pods and keeps the last checkpoint.
     */
    suspend: boolean;
    /**
     * Failures of containers without a step in between before the job fails; pods that are evicted, preempted, deleted or lost with their node do not count.
     */
    backoffLimit: number;
    /**
     * The longest it may run; the time it is suspended does not count.
     */
    activeDeadlineSeconds?: number;
    /**
     * When to delete it once it is over; not before 10 s, so that ModelDeployments hear of it.
     */
    ttlSecondsAfterFinished?: number;
    /**
     * The queue of an admission controller such as Kueue.
     */
    queueName?: string;
  };
}

/**
 * What is, as the operator last saw it.
 */
export interface TrainingJobStatus {
  /**
   * The generation of the spec that this status speaks of.
   */
  observedGeneration?: number;
  /**
   * In one word.
   */
  phase?: 'Pending' | 'Starting' | 'Running' | 'Restarting' | 'Suspending' | 'Suspended' | 'Succeeded' | 'Failed';
  /**
   * Steps done.
   */
  step?: number;
  /**
   * Epochs begun.
   */
  epoch?: number;
  /**
   * Steps done of all steps, such as 42%.
   */
  progress?: string;
  /**
   * Training loss, the mean over the last steps.
   */
  loss?: string;
  /**
   * On the test split, once: the acceptance metric, else the first of spec.train.metrics, else the loss.
   */
  score?: string;
  /**
   * On the validation split, after the last epoch: loss and each metric.
   */
  metrics?: {
    [k: string]: string;
  };
  /**
   * Over all workers.
   */
  samplesPerSecond?: string;
  /**
   * If it goes on like this.
   */
  estimatedCompletionTime?: string;
  /**
   * Steps that were computed more than once because a parameter server was lost.
   */
  recomputedSteps?: number;
  /**
   * Steps done that the newest complete checkpoint holds.
   */
  checkpointStep?: number;
  /**
   * Rows of the data.
   */
  rows?: number;
  /**
   * Rows that were left out because a value in them is missing or malformed.
   */
  badRows?: number;
  /**
   * The loss curve, downsampled; the full one lies beside the output.
   */
  history?: {
    /**
     * Steps done.
     */
    step: number;
    /**
     * The mean training loss since the point before.
     */
    loss: string;
    /**
     * The validation loss there, where it was measured.
     */
    validationLoss?: string;
  }[];
  /**
   * Their pods.
   */
  parameterServers?: {
    /**
     * As the spec says.
     */
    desired?: number;
    /**
     * Pods with a lower number have existed since the job began or was resumed; one that is missing was lost.
     */
    created?: number;
    /**
     * At work.
     */
    ready?: number;
    /**
     * Containers that ended with a failure since the job began.
     */
    restarts?: number;
    /**
     * Pods that were replaced since the job began: evicted, preempted, deleted, or lost with their node.
     */
    evictions?: number;
    /**
     * The part of restarts and evictions that belongs to pods which are no longer wanted.
     */
    former?: {
      restarts?: number;
      evictions?: number;
    };
  };
  /**
   * Their pods.
   */
  workers?: {
    /**
     * As the spec says.
     */
    desired?: number;
    /**
     * Pods with a lower number have existed since the job began or was resumed; one that is missing was lost.
     */
    created?: number;
    /**
     * At work.
     */
    ready?: number;
    /**
     * Containers that ended with a failure since the job began.
     */
    restarts?: number;
    /**
     * Pods that were replaced since the job began: evicted, preempted, deleted, or lost with their node.
     */
    evictions?: number;
    /**
     * The part of restarts and evictions that belongs to pods which are no longer wanted.
     */
    former?: {
      restarts?: number;
      evictions?: number;
    };
  };
  /**
   * From where spec.runPolicy.backoffLimit counts.
   */
  backoff?: {
    /**
     * The most steps that were ever done.
     */
    step?: number;
    /**
     * Restarts of all pods when that step was done.
     */
    restarts?: number;
  };
  /**
   * The runtime image that the job began with; all its pods take it, so that all results come from one program.
   */
  image?: string;
  /**
   * What came of it.
   */
  output?: {
    /**
     * Where the model lies.
     */
    uri?: string;
    /**
     * When the job first ended so: applied again, it keeps its place among the versions of the lineage.
     */
    completionTime?: string;
    /**
     * Its content, sha256:HEX.
     */
    digest?: string;
    /**
     * Whether it may be served.
     */
    accepted?: boolean;
    /**
     * The hash of the spec that made it.
     */
    specHash?: string;
    /**
     * The hash of the data that made it.
     */
    dataDigest?: string;
    /**
     * On the test split: loss and each metric.
     */
    testMetrics?: {
      [k: string]: string;
    };
  };
  /**
   * When the first pods were created.
   */
  startTime?: string;
  /**
   * When the pods were last created after none were wanted; absent while the job is suspended.
   */
  activeTime?: string;
  /**
   * How long it ran before activeTime.
   */
  activeSeconds?: number;
  /**
   * When it was over.
   */
  completionTime?: string;
  /**
   * Running, Complete, Failed, Suspended, Checkpointed, TransportSecured and Accepted, and while they are true Degraded and Stalled, each with the reason and what to do about it.
   */
  conditions?: {
    type: string;
    status: 'True' | 'False' | 'Unknown';
    observedGeneration?: number;
    lastTransitionTime: string;
    reason: string;
    message: string;
  }[];
}

export type TrainingJob = KubeObject & {
  apiVersion: 'modelyard.dev/v1alpha1';
  kind: 'TrainingJob';
  spec: TrainingJobSpec;
  status?: TrainingJobStatus;
};
