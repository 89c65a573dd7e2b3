/** Every CRD, generated from crds/ by `npm run generate`; change it there. */
import type { Crd } from './schema.ts';

export const crds: readonly Crd[] = [
 {
  "metadata": {
   "name": "modeldeployments.modelyard.dev"
  },
  "spec": {
   "group": "modelyard.dev",
   "names": {
    "kind": "ModelDeployment",
    "plural": "modeldeployments",
    "singular": "modeldeployment",
    "shortNames": [
     "md"
    ]
   },
   "versions": [
    {
     "name": "v1alpha1",
     "schema": {
      "openAPIV3Schema": {
       "type": "object",
       "description": "A model, served over REST and gRPC.",
       "required": [
        "spec"
       ],
       "x-kubernetes-validations": [
        {
         "rule": "size(self.metadata.name) <= 40",
         "message": "metadata.name must be at most 40 characters, so that the names of its children fit"
        },
        {
         "rule": "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
         "message": "metadata.name must start with a letter and hold only lower case letters, digits and '-', because its Service takes the same name"
        }
       ],
       "properties": {
        "apiVersion": {
         "type": "string"
        },
        "kind": {
         "type": "string"
        },
        "metadata": {
         "type": "object"
        },
        "spec": {
         "type": "object",
         "description": "What to serve and how.",
         "required": [
          "model"
         ],
         "x-kubernetes-validations": [
          {
           "rule": "!has(self.accelerator) || !has(self.resources) || !has(self.resources.limits) || !(self.accelerator.resource in self.resources.limits)",
           "message": "set the accelerator in spec.accelerator or in spec.resources.limits, not in both",
           "fieldPath": ".accelerator"
          }
         ],
         "properties": {
          "model": {
           "type": "object",
           "description": "Which model, where it lies and what it does.",
           "x-kubernetes-validations": [
            {
             "rule": "has(self.uri) != has(self.trained)",
             "message": "set exactly one of spec.model.uri and spec.model.trained"
            },
            {
             "rule": "!has(self.digest) || has(self.uri)",
             "message": "spec.model.digest belongs to spec.model.uri; pin a trained model with spec.model.trained.digest"
            }
           ],
           "properties": {
            "uri": {
             "type": "string",
             "description": "Where the model lies: s3://BUCKET/KEY, http(s)://HOST/PATH, pvc://CLAIM/PATH, or on a laptop file:///PATH. An ONNX file, a folder that holds one, or a tar archive of such a folder.",
             "minLength": 1,
             "maxLength": 1024,
             "x-kubernetes-validations": [
              {
               "rule": "self.matches('^(s3|http|https|pvc|file|gs|hf|oci)://[^\\\\s]+$')",
               "message": "must be a URI with one of the schemes s3, http, https, pvc, file, gs, hf, oci, such as s3://models/digits/v3/"
              },
              {
               "rule": "!self.matches('^[a-z0-9]+://[^/]*@')",
               "message": "must not carry credentials; name a Secret in spec.model.storage.credentialsSecretRef"
              },
              {
               "rule": "!self.startsWith('pvc://') || self.matches('^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/.*)?$')",
               "message": "must name a PersistentVolumeClaim and a path in it, such as pvc://models/digits/model.onnx"
              },
              {
               "rule": "!self.matches('^(pvc|file)://.*/\\\\.\\\\.(/|$)')",
               "message": "must not hold a '..' segment"
              }
             ]
            },
            "trained": {
             "type": "object",
             "description": "The newest accepted version of a lineage that TrainingJobs write (output.modelName).",
             "required": [
              "name"
             ],
             "properties": {
              "name": {
               "type": "string",
               "description": "The lineage's name.",
               "minLength": 1,
               "maxLength": 63,
               "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
              },
              "digest": {
               "type": "string",
               "description": "Pins one version of the lineage instead of following the newest.",
               "pattern": "^sha256:[0-9a-f]{64}$",
               "maxLength": 71
              }
             }
            },
            "storage": {
             "type": "object",
             "description": "How to reach the model's storage.",
             "properties": {
              "credentialsSecretRef": {
               "type": "object",
               "description": "A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value.",
               "required": [
                "name"
               ],
               "properties": {
                "name": {
                 "type": "string",
                 "minLength": 1,
                 "maxLength": 253,
                 "description": "The Secret's name."
                }
               }
              },
              "endpoint": {
               "type": "string",
               "description": "The S3 endpoint, for storage other than AWS, such as http://minio.storage.svc:9000.",
               "maxLength": 1024,
               "pattern": "^https?://[^\\s/@]+/?$"
              },
              "region": {
               "type": "string",
               "description": "The S3 region.",
               "maxLength": 64,
               "pattern": "^[a-z0-9-]+$"
              },
              "caConfigMapRef": {
               "type": "object",
               "description": "A ConfigMap in the same namespace whose key ca.crt holds PEM certificates to trust beside the public ones.",
               "required": [
                "name"
               ],
               "properties": {
                "name": {
                 "type": "string",
                 "minLength": 1,
                 "maxLength": 253,
                 "description": "The ConfigMap's name."
                }
               }
              }
             }
            },
            "digest": {
             "type": "string",
             "description": "The only content to accept, sha256:HEX. Absent, the first content that is loaded is pinned.",
             "pattern": "^sha256:[0-9a-f]{64}$",
             "maxLength": 71
            },
            "task": {
             "type": "string",
             "description": "What the model does. Tensor serves any ONNX model as raw tensors.",
             "default": "Tensor",
             "enum": [
              "Tensor",
              "Tabular",
              "TextClassification",
              "TokenClassification",
              "FeatureExtraction",
              "TextGeneration",
              "ImageClassification",
              "SpeechRecognition"
             ]
            }
           }
          },
          "replicas": {
           "type": "integer",
           "format": "int32",
           "description": "How many pods serve the model.",
           "default": 1,
           "minimum": 0,
           "maximum": 1000
          },
          "accelerator": {
           "type": "object",
           "description": "The device each pod gets. Absent, the model runs on the CPU.",
           "required": [
            "resource"
           ],
           "properties": {
            "resource": {
             "type": "string",
             "description": "The extended resource's name, such as nvidia.com/gpu.",
             "maxLength": 253,
             "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
            },
            "count": {
             "type": "integer",
             "format": "int32",
             "description": "How many of them each pod gets.",
             "default": 1,
             "minimum": 1,
             "maximum": 64
            }
           }
          },
          "resources": {
           "type": "object",
           "description": "Compute resources of the runtime container, as in any container.",
           "properties": {
            "requests": {
             "type": "object",
             "description": "What the scheduler sets aside.",
             "maxProperties": 32,
             "additionalProperties": {
              "anyOf": [
               {
                "type": "integer"
               },
               {
                "type": "string"
               }
              ],
              "x-kubernetes-int-or-string": true,
              "pattern": "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$",
              "maxLength": 64
             }
            },
            "limits": {
             "type": "object",
             "description": "What the container may use at most.",
             "maxProperties": 32,
             "additionalProperties": {
              "anyOf": [
               {
                "type": "integer"
               },
               {
                "type": "string"
               }
              ],
              "x-kubernetes-int-or-string": true,
              "pattern": "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$",
              "maxLength": 64
             }
            }
           }
          },
          "serviceAccountName": {
           "type": "string",
           "description": "A ServiceAccount to run as, instead of one of its own. No token is mounted either way.",
           "minLength": 1,
           "maxLength": 253
          },
          "serving": {
           "type": "object",
           "description": "How requests are answered.",
           "default": {},
           "properties": {
            "batching": {
             "type": "object",
             "description": "Requests that wait together run together, where the model's first dimension is dynamic.",
             "default": {},
             "properties": {
              "maxSize": {
               "type": "integer",
               "format": "int32",
               "description": "How many requests one run may hold; 1 turns batching off.",
               "default": 32,
               "minimum": 1,
               "maximum": 1024
              },
              "maxDelay": {
               "type": "string",
               "description": "How long a request may wait for others while the model is idle.",
               "default": "0ms",
               "maxLength": 16,
               "x-kubernetes-validations": [
                {
                 "rule": "self.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$')",
                 "message": "must be a duration such as 2ms, 30s or 1m30s"
                }
               ]
              }
             }
            },
            "queue": {
             "type": "object",
             "description": "The requests that wait for the model.",
             "default": {},
             "properties": {
              "maxLength": {
               "type": "integer",
               "format": "int32",
               "description": "Beyond it a request is refused at once with 429 and Retry-After.",
               "default": 256,
               "minimum": 1,
               "maximum": 100000
              }
             }
            },
            "timeout": {
             "type": "string",
             "description": "The longest a request may take, from its arrival to its answer. A run that exceeds it is killed.",
             "default": "30s",
             "maxLength": 16,
             "x-kubernetes-validations": [
              {
               "rule": "self.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$')",
               "message": "must be a duration such as 2ms, 30s or 1m30s"
              },
              {
               "rule": "!self.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$') || (duration(self) >= duration('10ms') && duration(self) <= duration('1h'))",
               "message": "must be between 10ms and 1h"
              }
             ]
            },
            "warmup": {
             "type": "boolean",
             "description": "Run the model once on zeros before the pod is ready.",
             "default": true
            }
           }
          },
          "podTemplate": {
           "type": "object",
           "description": "Settings of the pods beyond the fields above; nothing here can leave the restricted Pod Security Standard.",
           "x-kubernetes-validations": [
            {
             "rule": "!has(self.volumeMounts) || self.volumeMounts.all(m, has(self.volumes) && self.volumes.exists(v, v.name == m.name))",
             "message": "every name in spec.podTemplate.volumeMounts must be one of spec.podTemplate.volumes",
             "fieldPath": ".volumeMounts"
            }
           ],
           "properties": {
            "metadata": {
             "type": "object",
             "description": "Labels and annotations to add to the pods.",
             "properties": {
              "labels": {
               "type": "object",
               "description": "Labels to add; those of Modelyard cannot be replaced.",
               "maxProperties": 64,
               "additionalProperties": {
                "type": "string",
                "maxLength": 63,
                "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
               }
              },
              "annotations": {
               "type": "object",
               "description": "Annotations to add.",
               "maxProperties": 64,
               "additionalProperties": {
                "type": "string",
                "maxLength": 4096
               }
              }
             }
            },
            "nodeSelector": {
             "type": "object",
             "description": "Labels a node must carry.",
             "maxProperties": 64,
             "additionalProperties": {
              "type": "string",
              "maxLength": 63,
              "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
             }
            },
            "tolerations": {
             "type": "array",
             "description": "Taints the pods tolerate.",
             "maxItems": 32,
             "items": {
              "type": "object",
              "properties": {
               "key": {
                "type": "string",
                "maxLength": 316
               },
               "operator": {
                "type": "string",
                "enum": [
                 "Exists",
                 "Equal"
                ]
               },
               "value": {
                "type": "string",
                "maxLength": 63
               },
               "effect": {
                "type": "string",
                "enum": [
                 "NoSchedule",
                 "PreferNoSchedule",
                 "NoExecute"
                ]
               },
               "tolerationSeconds": {
                "type": "integer",
                "format": "int64"
               }
              }
             }
            },
            "affinity": {
             "type": "object",
             "description": "Node and pod affinity, as in any pod.",
             "x-kubernetes-preserve-unknown-fields": true
            },
            "topologySpreadConstraints": {
             "type": "array",
             "description": "How the pods spread over the nodes; without a labelSelector, the deployment's own pods are meant.",
             "maxItems": 8,
             "items": {
              "type": "object",
              "required": [
               "maxSkew",
               "topologyKey",
               "whenUnsatisfiable"
              ],
              "properties": {
               "maxSkew": {
                "type": "integer",
                "format": "int32",
                "minimum": 1
               },
               "topologyKey": {
                "type": "string",
                "maxLength": 316
               },
               "whenUnsatisfiable": {
                "type": "string",
                "enum": [
                 "DoNotSchedule",
                 "ScheduleAnyway"
                ]
               },
               "labelSelector": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": true
               }
              }
             }
            },
            "priorityClassName": {
             "type": "string",
             "maxLength": 253,
             "description": "The pods' priority class."
            },
            "runtimeClassName": {
             "type": "string",
             "maxLength": 253,
             "description": "The container runtime to use, such as nvidia."
            },
            "schedulerName": {
             "type": "string",
             "maxLength": 253,
             "description": "The scheduler to use."
            },
            "imagePullSecrets": {
             "type": "array",
             "description": "Secrets for the registry that holds the runtime's image.",
             "maxItems": 8,
             "items": {
              "type": "object",
              "required": [
               "name"
              ],
              "properties": {
               "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 253
               }
              }
             }
            },
            "securityContext": {
             "type": "object",
             "description": "The identities the pods run under; all must be other than root.",
             "properties": {
              "runAsUser": {
               "type": "integer",
               "format": "int64",
               "minimum": 1
              },
              "runAsGroup": {
               "type": "integer",
               "format": "int64",
               "minimum": 1
              },
              "fsGroup": {
               "type": "integer",
               "format": "int64",
               "minimum": 1
              },
              "supplementalGroups": {
               "type": "array",
               "maxItems": 16,
               "items": {
                "type": "integer",
                "format": "int64",
                "minimum": 1
               }
              }
             }
            },
            "volumes": {
             "type": "array",
             "description": "Volumes to add to the pods.",
             "maxItems": 16,
             "x-kubernetes-list-type": "map",
             "x-kubernetes-list-map-keys": [
              "name"
             ],
             "items": {
              "type": "object",
              "required": [
               "name"
              ],
              "x-kubernetes-validations": [
               {
                "rule": "[has(self.configMap), has(self.secret), has(self.emptyDir), has(self.persistentVolumeClaim)].filter(x, x).size() == 1",
                "message": "set exactly one of configMap, secret, emptyDir and persistentVolumeClaim"
               },
               {
                "rule": "!self.name.startsWith('modelyard-')",
                "message": "volume names that start with modelyard- are taken"
               }
              ],
              "properties": {
               "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 63
               },
               "configMap": {
                "type": "object",
                "required": [
                 "name"
                ],
                "properties": {
                 "name": {
                  "type": "string",
                  "maxLength": 253
                 },
                 "optional": {
                  "type": "boolean"
                 }
                }
               },
               "secret": {
                "type": "object",
                "required": [
                 "secretName"
                ],
                "properties": {
                 "secretName": {
                  "type": "string",
                  "maxLength": 253
                 },
                 "optional": {
                  "type": "boolean"
                 }
                }
               },
               "emptyDir": {
                "type": "object",
                "properties": {
                 "sizeLimit": {
                  "type": "string",
                  "maxLength": 64,
                  "pattern": "^[0-9]+(\\.[0-9]+)?([KMGTPE]i?|k)?$"
                 }
                }
               },
               "persistentVolumeClaim": {
                "type": "object",
                "required": [
                 "claimName"
                ],
                "properties": {
                 "claimName": {
                  "type": "string",
                  "maxLength": 253
                 },
                 "readOnly": {
                  "type": "boolean"
                 }
                }
               }
              }
             }
            },
            "volumeMounts": {
             "type": "array",
             "description": "Where the runtime container sees those volumes.",
             "maxItems": 16,
             "x-kubernetes-list-type": "map",
             "x-kubernetes-list-map-keys": [
              "mountPath"
             ],
             "items": {
              "type": "object",
              "required": [
               "name",
               "mountPath"
              ],
              "x-kubernetes-validations": [
               {
                "rule": "self.mountPath.startsWith('/') && !self.mountPath.startsWith('/app') && !self.mountPath.startsWith('/modelyard')",
                "message": "must be an absolute path outside /app and /modelyard",
                "fieldPath": ".mountPath"
               }
              ],
              "properties": {
               "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 63
               },
               "mountPath": {
                "type": "string",
                "minLength": 1,
                "maxLength": 512
               },
               "subPath": {
                "type": "string",
                "maxLength": 512
               },
               "readOnly": {
                "type": "boolean"
               }
              }
             }
            }
           }
          }
         }
        },
        "status": {
         "type": "object",
         "description": "What is, as the operator last saw it.",
         "properties": {
          "observedGeneration": {
           "type": "integer",
           "format": "int64",
           "description": "The generation of the spec that this status speaks of."
          },
          "replicas": {
           "type": "integer",
           "format": "int32",
           "description": "Pods that exist."
          },
          "readyReplicas": {
           "type": "integer",
           "format": "int32",
           "description": "Pods that answer requests."
          },
          "selector": {
           "type": "string",
           "maxLength": 1024,
           "description": "The pods, as a label selector, for the scale subresource."
          },
          "revision": {
           "type": "string",
           "maxLength": 63,
           "description": "The hash of everything that shapes a pod; a new one is a rolling update."
          },
          "url": {
           "type": "string",
           "maxLength": 1024,
           "description": "Where the model answers inside the cluster."
          },
          "model": {
           "type": "object",
           "description": "The model as resolved and pinned.",
           "properties": {
            "uri": {
             "type": "string",
             "maxLength": 1024,
             "description": "Where it was loaded from."
            },
            "digest": {
             "type": "string",
             "maxLength": 71,
             "description": "Its content, sha256:HEX."
            },
            "inputs": {
             "type": "array",
             "description": "The tensors it takes.",
             "maxItems": 256,
             "items": {
              "type": "object",
              "required": [
               "name",
               "dataType",
               "shape"
              ],
              "properties": {
               "name": {
                "type": "string",
                "maxLength": 256
               },
               "dataType": {
                "type": "string",
                "maxLength": 16,
                "description": "As the Open Inference Protocol names it, such as FP32."
               },
               "shape": {
                "type": "array",
                "maxItems": 32,
                "description": "Dimensions; -1 is dynamic.",
                "items": {
                 "type": "integer",
                 "format": "int64"
                }
               }
              }
             }
            },
            "outputs": {
             "type": "array",
             "description": "The tensors it gives.",
             "maxItems": 256,
             "items": {
              "type": "object",
              "required": [
               "name",
               "dataType",
               "shape"
              ],
              "properties": {
               "name": {
                "type": "string",
                "maxLength": 256
               },
               "dataType": {
                "type": "string",
                "maxLength": 16,
                "description": "As the Open Inference Protocol names it, such as FP32."
               },
               "shape": {
                "type": "array",
                "maxItems": 32,
                "description": "Dimensions; -1 is dynamic.",
                "items": {
                 "type": "integer",
                 "format": "int64"
                }
               }
              }
             }
            }
           }
          },
          "conditions": {
           "type": "array",
           "description": "Ready, Progressing and ModelResolved, each with the reason and what to do about it.",
           "maxItems": 16,
           "x-kubernetes-list-type": "map",
           "x-kubernetes-list-map-keys": [
            "type"
           ],
           "items": {
            "type": "object",
            "required": [
             "type",
             "status",
             "reason",
             "message",
             "lastTransitionTime"
            ],
            "properties": {
             "type": {
              "type": "string",
              "maxLength": 316,
              "pattern": "^[A-Za-z][A-Za-z0-9]*$"
             },
             "status": {
              "type": "string",
              "enum": [
               "True",
               "False",
               "Unknown"
              ]
             },
             "observedGeneration": {
              "type": "integer",
              "format": "int64",
              "minimum": 0
             },
             "lastTransitionTime": {
              "type": "string",
              "format": "date-time"
             },
             "reason": {
              "type": "string",
              "maxLength": 1024,
              "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
             },
             "message": {
              "type": "string",
              "maxLength": 32768
             }
            }
           }
          }
         }
        }
       }
      }
     }
    }
   ]
  }
 }
];
