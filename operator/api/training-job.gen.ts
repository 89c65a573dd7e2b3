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
         * A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value.
         */
        credentialsSecretRef?: {
          /**
           * The Secret's name.
           */
          name: string;
        };
        /**
         * The S3 endpoint, for storage other than AWS.
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
         * A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value.
         */
        credentialsSecretRef?: {
          /**
           * The Secret's name.
           */
          name: string;
        };
        /**
         * The S3 endpoint, for storage other than AWS.
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
       * The column that is to be predicted.
       */
      label: string;
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
       * Of AdamW.
       */
      weightDecay: number;
      /**
       * Of Momentum and Nesterov.
       */
      momentum: number;
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
  };
  /**
   * The pods that compute gradients.
   */
  workers: {
    /**
     * How many; it may change while the job runs.
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
  checkpoint?: {
    /**
     * The folder to write to.
     */
    uri: string;
    /**
     * How to reach what the URI beside it names.
     */
    storage?: {
      /**
       * A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value.
       */
      credentialsSecretRef?: {
        /**
         * The Secret's name.
         */
        name: string;
      };
      /**
       * The S3 endpoint, for storage other than AWS.
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
       * A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value.
       */
      credentialsSecretRef?: {
        /**
         * The Secret's name.
         */
        name: string;
      };
      /**
       * The S3 endpoint, for storage other than AWS.
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
     * Restarts of pods without progress in between before the job fails.
     */
    backoffLimit: number;
    /**
     * The longest it may run.
     */
    activeDeadlineSeconds?: number;
    /**
     * When to delete it once it is over.
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
  phase?: 'Pending' | 'Starting' | 'Running' | 'Suspended' | 'Restarting' | 'Succeeded' | 'Failed';
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
   * Of the last steps.
   */
  loss?: string;
  /**
   * The acceptance metric on the test split.
   */
  score?: string;
  /**
   * The last value of each metric.
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
   * The loss curve, downsampled; the full one lies beside the output.
   */
  history?: {
    /**
     * The step.
     */
    step: number;
    /**
     * The training loss there.
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
     * At work.
     */
    ready?: number;
    /**
     * Since the job began.
     */
    restarts?: number;
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
     * At work.
     */
    ready?: number;
    /**
     * Since the job began.
     */
    restarts?: number;
  };
  /**
   * What came of it.
   */
  output?: {
    /**
     * Where the model lies.
     */
    uri?: string;
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
  };
  /**
   * When the first pod was created.
   */
  startTime?: string;
  /**
   * When it was over.
   */
  completionTime?: string;
  /**
   * Each with the reason and what to do about it.
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
