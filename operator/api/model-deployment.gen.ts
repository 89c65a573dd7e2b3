/** ModelDeployment, generated from crds/ by `npm run generate`; change it there. */
import type { KubeObject } from '../kube/object.ts';

/**
 * What to serve and how.
 */
export interface ModelDeploymentSpec {
  /**
   * Which model, where it lies and what it does.
   */
  model?: {
    /**
     * Where the model lies: s3://BUCKET/KEY, gs://BUCKET/PATH, oci://REGISTRY/REPOSITORY:TAG, hf://ORG/NAME/PATH@REVISION, http(s)://HOST/PATH, pvc://CLAIM/PATH, or on a laptop file:///PATH. An ONNX file, a folder that holds one, or a tar archive of such a folder; in a registry an artefact of such files, or an image with such a folder at /models.
     */
    uri?: string;
    /**
     * The newest accepted version of a lineage that TrainingJobs write (output.modelName).
     */
    trained?: {
      /**
       * The lineage's name.
       */
      name: string;
      /**
       * Pins one version of the lineage instead of following the newest.
       */
      digest?: string;
    };
    /**
     * How to reach the model's storage. Absent with trained, as spec.output.storage of the TrainingJob says.
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
       * The server to ask, where it is not the one that the URI implies: of s3 other than AWS, such as http://minio.storage.svc:9000; for oci a registry that speaks plain HTTP; a mirror of hf; an emulator of gs.
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
     * The only content to accept, sha256:HEX. Absent, the first content that is loaded is pinned.
     */
    digest?: string;
    /**
     * What the model does. Tensor serves any ONNX model as raw tensors.
     */
    task:
      | 'Tensor'
      | 'Tabular'
      | 'TextClassification'
      | 'TokenClassification'
      | 'FeatureExtraction'
      | 'TextGeneration'
      | 'ImageClassification'
      | 'SpeechRecognition';
  };
  /**
   * Several models instead of one. Each is loaded when it is first asked for; where memory is short, those that nobody asked for longest give way. A change of this list restarts no pod, unless it names another claim.
   *
   * Items: One of the models.
   */
  models?: {
    /**
     * Its name in URLs, such as english in /v2/models/english/infer.
     */
    name: string;
    /**
     * Where the model lies: s3://BUCKET/KEY, gs://BUCKET/PATH, oci://REGISTRY/REPOSITORY:TAG, hf://ORG/NAME/PATH@REVISION, http(s)://HOST/PATH, pvc://CLAIM/PATH, or on a laptop file:///PATH. An ONNX file, a folder that holds one, or a tar archive of such a folder; in a registry an artefact of such files, or an image with such a folder at /models.
     */
    uri: string;
    /**
     * The only content to accept, sha256:HEX. Absent, the first content that is loaded is pinned.
     */
    digest?: string;
    /**
     * What the model does. Tensor serves any ONNX model as raw tensors.
     */
    task:
      | 'Tensor'
      | 'Tabular'
      | 'TextClassification'
      | 'TokenClassification'
      | 'FeatureExtraction'
      | 'TextGeneration'
      | 'ImageClassification'
      | 'SpeechRecognition';
  }[];
  /**
   * How to reach the storage of all of spec.models.
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
     * The server to ask, where it is not the one that the URI implies: of s3 other than AWS, such as http://minio.storage.svc:9000; for oci a registry that speaks plain HTTP; a mirror of hf; an emulator of gs.
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
   * How many pods serve the model, or each of the models.
   */
  replicas: number;
  /**
   * The device each pod gets. Absent, the model runs on the CPU.
   */
  accelerator?: {
    /**
     * The extended resource's name, such as nvidia.com/gpu.
     */
    resource: string;
    /**
     * How many of them each pod gets.
     */
    count: number;
  };
  /**
   * Compute resources of the runtime container, as in any container.
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
   * A ServiceAccount to run as, instead of one of its own. No token is mounted either way.
   */
  serviceAccountName?: string;
  /**
   * Who may call, and how connections are made. Absent, everybody who reaches the Service may, in the clear.
   */
  access?: {
    /**
     * Lets in who sends an API key, as Authorization: Bearer KEY or X-API-Key.
     */
    apiKeys?: {
      /**
       * A Secret in the same namespace with an entry for each caller: its name, and sha256:HEX of its API key. The key itself is in no Secret. A change counts within two minutes, without a restart.
       */
      secretRef: {
        /**
         * The Secret's name.
         */
        name: string;
      };
    };
    /**
     * Lets in who sends a token of an OpenID Connect issuer, as Authorization: Bearer TOKEN.
     */
    oidc?: {
      /**
       * The issuer's URL, as its tokens have it in iss.
       */
      issuer: string;
      /**
       * A token must be for one of these, by its aud.
       */
      audiences: string[];
      /**
       * Where the issuer's public keys are; absent, where its discovery document says.
       */
      jwksUri?: string;
      /**
       * Claims that a token must have beside, each with this value, or with a list that holds it.
       */
      requiredClaims?: {
        [k: string]: string;
      };
      /**
       * A ConfigMap in the same namespace whose key ca.crt holds PEM certificates to trust beside the public ones where the issuer is asked.
       */
      caConfigMapRef?: {
        /**
         * The ConfigMap's name.
         */
        name: string;
      };
    };
    /**
     * TLS on both ports; the Service then has REST on 443. Renewed certificates are used without a restart.
     */
    tls?: {
      /**
       * A Secret of type kubernetes.io/tls in the same namespace, with tls.crt and tls.key, as cert-manager makes it.
       */
      secretRef: {
        /**
         * The Secret's name.
         */
        name: string;
      };
      /**
       * Required makes no connection with a client without a certificate, whatever key or token it has.
       */
      clientCertificates: 'None' | 'Required';
      /**
       * A ConfigMap in the same namespace whose key ca.crt holds the authorities of clients; absent, ca.crt of the Secret does.
       */
      clientCaConfigMapRef?: {
        /**
         * The ConfigMap's name.
         */
        name: string;
      };
    };
  };
  /**
   * How requests are answered.
   */
  serving: {
    /**
     * What the processes of spec.models may hold together, as measured while they run; beyond it those that nobody asked for longest give way. Absent, four fifths of what the memory limit leaves, or without a limit half of the machine's memory.
     */
    memoryBudget?: number | string;
    /**
     * Requests that wait together run together, where the model's first dimension is dynamic.
     */
    batching: {
      /**
       * How many requests one run may hold; 1 turns batching off.
       */
      maxSize: number;
      /**
       * How long a request may wait for others while the model is idle.
       */
      maxDelay: string;
    };
    /**
     * The requests that wait for the model.
     */
    queue: {
      /**
       * Beyond it a request is refused at once with 429 and Retry-After.
       */
      maxLength: number;
    };
    /**
     * The longest a request may take, from its arrival to its answer. A run that exceeds it is killed.
     */
    timeout: string;
    /**
     * Run the model once on zeros before the pod is ready.
     */
    warmup: boolean;
    /**
     * Whether clients may load and unload the model by the Open Inference Protocol's repository calls. Explicit lets everybody who reaches the Service do so, pod by pod.
     */
    modelControl: 'None' | 'Explicit';
    /**
     * Answers TorchServe's inference and management calls on port 8085. Absent, that port is closed. Not beside spec.access.
     */
    torchServe?: {
      /**
       * A Secret in the same namespace whose keys inference and management hold the token of each API, or sha256:HEX of it. A key that is absent lets nobody call that API. A change counts within two minutes, without a restart.
       */
      tokenSecretRef: {
        /**
         * The Secret's name.
         */
        name: string;
      };
    };
    /**
     * Which requests of inference leave a line in the pod's log: none, those that were not answered as asked, or all. A line names model, code, times and the client's address, and holds nothing of what was sent.
     */
    accessLog: 'None' | 'Failed' | 'All';
    /**
     * Where a pod keeps what it downloads. Absent, each pod has a cache of its own, which goes with it.
     */
    cache?: {
      /**
       * A claim in the same namespace. All pods that name it share what is in it: those of one node where it is ReadWriteOnce, all where it is ReadWriteMany.
       */
      persistentVolumeClaim?: {
        /**
         * The claim's name.
         */
        claimName: string;
      };
      /**
       * How much the cache may hold, such as 50Gi: beyond it the least recently used content goes that nobody uses. What is in use counts, and stays. Absent, nothing goes until the disk is full.
       */
      maxSize?: string;
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
     * Taints the pods tolerate.
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
     * Node and pod affinity, as in any pod.
     */
    affinity?: {
      /**
       * Which nodes are wanted.
       */
      nodeAffinity?: {
        /**
         * What a node must have; one of the terms is enough.
         */
        requiredDuringSchedulingIgnoredDuringExecution?: {
          nodeSelectorTerms: {
            matchExpressions?: {
              key: string;
              operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
              values?: string[];
            }[];
            matchFields?: {
              key: string;
              operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
              values?: string[];
            }[];
          }[];
        };
        /**
         * What a node should have.
         */
        preferredDuringSchedulingIgnoredDuringExecution?: {
          weight: number;
          preference: {
            matchExpressions?: {
              key: string;
              operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
              values?: string[];
            }[];
            matchFields?: {
              key: string;
              operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
              values?: string[];
            }[];
          };
        }[];
      };
      /**
       * Which pods are wanted nearby.
       */
      podAffinity?: {
        /**
         * What must hold.
         */
        requiredDuringSchedulingIgnoredDuringExecution?: {
          topologyKey: string;
          labelSelector?: {
            matchLabels?: {
              [k: string]: string;
            };
            matchExpressions?: {
              key: string;
              operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
              values?: string[];
            }[];
          };
          namespaces?: string[];
          namespaceSelector?: {
            matchLabels?: {
              [k: string]: string;
            };
            matchExpressions?: {
              key: string;
              operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
              values?: string[];
            }[];
          };
        }[];
        /**
         * What should hold.
         */
        preferredDuringSchedulingIgnoredDuringExecution?: {
          weight: number;
          podAffinityTerm: {
            topologyKey: string;
            labelSelector?: {
              matchLabels?: {
                [k: string]: string;
              };
              matchExpressions?: {
                key: string;
                operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
                values?: string[];
              }[];
            };
            namespaces?: string[];
            namespaceSelector?: {
              matchLabels?: {
                [k: string]: string;
              };
              matchExpressions?: {
                key: string;
                operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
                values?: string[];
              }[];
            };
          };
        }[];
      };
      /**
       * Which pods are not wanted nearby.
       */
      podAntiAffinity?: {
        /**
         * What must hold.
         */
        requiredDuringSchedulingIgnoredDuringExecution?: {
          topologyKey: string;
          labelSelector?: {
            matchLabels?: {
              [k: string]: string;
            };
            matchExpressions?: {
              key: string;
              operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
              values?: string[];
            }[];
          };
          namespaces?: string[];
          namespaceSelector?: {
            matchLabels?: {
              [k: string]: string;
            };
            matchExpressions?: {
              key: string;
              operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
              values?: string[];
            }[];
          };
        }[];
        /**
         * What should hold.
         */
        preferredDuringSchedulingIgnoredDuringExecution?: {
          weight: number;
          podAffinityTerm: {
            topologyKey: string;
            labelSelector?: {
              matchLabels?: {
                [k: string]: string;
              };
              matchExpressions?: {
                key: string;
                operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
                values?: string[];
              }[];
            };
            namespaces?: string[];
            namespaceSelector?: {
              matchLabels?: {
                [k: string]: string;
              };
              matchExpressions?: {
                key: string;
                operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
                values?: string[];
              }[];
            };
          };
        }[];
      };
    };
    /**
     * How the pods spread over the nodes; without a labelSelector, the deployment's own pods are meant.
     */
    topologySpreadConstraints?: {
      maxSkew: number;
      topologyKey: string;
      whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway';
      labelSelector?: {
        matchLabels?: {
          [k: string]: string;
        };
        matchExpressions?: {
          key: string;
          operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
          values?: string[];
        }[];
      };
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
     * The identities the pods run under; all must be other than root.
     */
    securityContext?: {
      runAsUser?: number;
      runAsGroup?: number;
      fsGroup?: number;
      supplementalGroups?: number[];
    };
    /**
     * Volumes to add to the pods.
     */
    volumes?: {
      name: string;
      configMap?: {
        name: string;
        optional?: boolean;
      };
      secret?: {
        secretName: string;
        optional?: boolean;
      };
      emptyDir?: {
        sizeLimit?: string;
      };
      persistentVolumeClaim?: {
        claimName: string;
        readOnly?: boolean;
      };
    }[];
    /**
     * Where the runtime container sees those volumes.
     */
    volumeMounts?: {
      name: string;
      mountPath: string;
      subPath?: string;
      readOnly?: boolean;
    }[];
  };
}

/**
 * What is, as the operator last saw it.
 */
export interface ModelDeploymentStatus {
  /**
   * The generation of the spec that this status speaks of.
   */
  observedGeneration?: number;
  /**
   * Pods that exist.
   */
  replicas?: number;
  /**
   * Pods that answer requests.
   */
  readyReplicas?: number;
  /**
   * The pods, as a label selector, for the scale subresource.
   */
  selector?: string;
  /**
   * The hash of everything that shapes a pod; a new one is a rolling update.
   */
  revision?: string;
  /**
   * Where the model answers inside the cluster.
   */
  url?: string;
  /**
   * What is served, for tables: the URI of a model, or how many models there are and how many of them have faults.
   */
  modelSummary?: string;
  /**
   * The model as resolved and pinned.
   */
  model?: {
    /**
     * Where it was loaded from.
     */
    uri?: string;
    /**
     * Its content, sha256:HEX.
     */
    digest?: string;
    /**
     * The tensors it takes.
     */
    inputs?: {
      name: string;
      /**
       * As the Open Inference Protocol names it, such as FP32.
       */
      dataType: string;
      /**
       * Dimensions; -1 is dynamic.
       */
      shape: number[];
    }[];
    /**
     * The tensors it gives.
     */
    outputs?: {
      name: string;
      /**
       * As the Open Inference Protocol names it, such as FP32.
       */
      dataType: string;
      /**
       * Dimensions; -1 is dynamic.
       */
      shape: number[];
    }[];
  };
  /**
   * Several models as resolved and pinned. Which of them are in memory varies by pod and moment; see the repository index.
   */
  models?: {
    /**
     * Its name in URLs.
     */
    name: string;
    /**
     * Where it is loaded from.
     */
    uri: string;
    /**
     * Its content, sha256:HEX, once a pod has read it.
     */
    digest?: string;
    /**
     * Of a fault that a pod has with it, as in a condition.
     */
    reason?: string;
    /**
     * What happened and what to do about it.
     */
    message?: string;
  }[];
  /**
   * The version that spec.model.trained stands for. It is kept here, so that nothing changes when its TrainingJob goes.
   */
  trained?: {
    /**
     * The lineage.
     */
    name: string;
    /**
     * The TrainingJob that made it.
     */
    job: string;
    /**
     * Where it lies.
     */
    uri: string;
    /**
     * Its content, sha256:HEX.
     */
    digest: string;
    /**
     * When it was made.
     */
    completionTime: string;
    /**
     * How to reach it.
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
       * The server to ask, where it is not the one that the URI implies: of s3 other than AWS, such as http://minio.storage.svc:9000; for oci a registry that speaks plain HTTP; a mirror of hf; an emulator of gs.
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
  };
  /**
   * Ready, Progressing and ModelResolved, each with the reason and what to do about it.
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

export type ModelDeployment = KubeObject & {
  apiVersion: 'modelyard.dev/v1alpha1';
  kind: 'ModelDeployment';
  spec: ModelDeploymentSpec;
  status?: ModelDeploymentStatus;
};
