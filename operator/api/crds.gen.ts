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
       "description": "A model, or several that share a pod's memory, served over REST and gRPC.",
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
         "x-kubernetes-validations": [
          {
           "rule": "!has(self.serving) || !has(self.serving.torchServe) || !has(self.access)",
           "message": "spec.serving.torchServe has tokens of its own and no TLS, so it would lead around spec.access; leave out one of them",
           "fieldPath": ".serving.torchServe"
          },
          {
           "rule": "[has(self.model) && has(self.model.uri), has(self.model) && has(self.model.trained), has(self.models)].filter(x, x).size() == 1",
           "message": "set exactly one of spec.model.uri, spec.model.trained and spec.models"
          },
          {
           "rule": "!has(self.models) || !has(self.model) || (self.model.task == 'Tensor' && !has(self.model.storage))",
           "message": "leave spec.model out beside spec.models; each of them has a task, and spec.storage says how to reach them",
           "fieldPath": ".model"
          },
          {
           "rule": "!has(self.storage) || has(self.models)",
           "message": "spec.storage is for spec.models; say how to reach a single model in spec.model.storage",
           "fieldPath": ".storage"
          },
          {
           "rule": "!has(self.serving) || !has(self.serving.memoryBudget) || has(self.models)",
           "message": "spec.serving.memoryBudget is for spec.models; bound a single model by spec.resources.limits.memory",
           "fieldPath": ".serving.memoryBudget"
          },
          {
           "rule": "!has(self.serving) || !has(self.serving.memoryBudget) || !has(self.resources) || !has(self.resources.limits) || !('memory' in self.resources.limits) || !isQuantity(string(self.serving.memoryBudget)) || !isQuantity(string(self.resources.limits['memory'])) || quantity(string(self.serving.memoryBudget)).compareTo(quantity(string(self.resources.limits['memory']))) < 0",
           "message": "spec.serving.memoryBudget must be below spec.resources.limits.memory, because what answers requests needs memory beside the models; lower it, or raise the limit",
           "fieldPath": ".serving.memoryBudget"
          },
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
             "rule": "!has(self.digest) || has(self.uri)",
             "message": "spec.model.digest belongs to spec.model.uri; pin a trained model with spec.model.trained.digest"
            }
           ],
           "properties": {
            "uri": {
             "type": "string",
             "description": "Where the model lies: s3://BUCKET/KEY, gs://BUCKET/PATH, oci://REGISTRY/REPOSITORY:TAG, hf://ORG/NAME/PATH@REVISION, http(s)://HOST/PATH, pvc://CLAIM/PATH, or on a laptop file:///PATH. An ONNX file, a folder that holds one, or a tar archive of such a folder; in a registry an artefact of such files, or an image with such a folder at /models.",
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
              },
              {
               "rule": "!self.startsWith('oci://') || self.matches('^oci://[^/@]+/[a-z0-9][-._/a-z0-9]*(:[a-zA-Z0-9_][-.a-zA-Z0-9_]{0,127})?(@sha256:[0-9a-f]{64})?$')",
               "message": "must name a registry, a repository in lower case, and a tag or a digest in it, such as oci://registry.example.com/models/digits:v3"
              },
              {
               "rule": "!self.startsWith('gs://') || self.matches('^gs://[a-z0-9][-._a-z0-9]*(/.*)?$')",
               "message": "must name a bucket and a path in it, such as gs://models/digits/v3/"
              },
              {
               "rule": "!self.startsWith('hf://') || self.matches('^hf://(datasets/)?[-._A-Za-z0-9]+/[-._A-Za-z0-9]+(/[^@]*)?(@[^@]+)?$')",
               "message": "must name an organisation and a repository of its, and may name a path in it and last a revision, such as hf://acme/minilm/onnx/model.onnx@main"
              },
              {
               "rule": "!self.matches('%([^0-9a-fA-F]|[0-9a-fA-F][^0-9a-fA-F]|.?$)')",
               "message": "must follow each percent sign with two hexadecimal digits; write %25 for the sign itself"
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
             "description": "How to reach the model's storage. Absent with trained, as spec.output.storage of the TrainingJob says.",
             "properties": {
              "credentialsSecretRef": {
               "type": "object",
               "description": "A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value; for oci: .dockerconfigjson, as image pull secrets have it; for hf: HF_TOKEN; for gs: gcloud-application-credentials.json, a service account's key.",
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
               "description": "The server to ask, where it is not the one that the URI implies: of s3 other than AWS, such as http://minio.storage.svc:9000; for oci a registry that speaks plain HTTP; a mirror of hf; an emulator of gs.",
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
          "models": {
           "type": "array",
           "description": "Several models instead of one. Each is loaded when it is first asked for; where memory is short, those that nobody asked for longest give way. A change of this list restarts no pod, unless it names another claim.",
           "minItems": 1,
           "maxItems": 200,
           "x-kubernetes-list-type": "map",
           "x-kubernetes-list-map-keys": [
            "name"
           ],
           "items": {
            "type": "object",
            "description": "One of the models.",
            "required": [
             "name",
             "uri"
            ],
            "properties": {
             "name": {
              "type": "string",
              "description": "Its name in URLs, such as english in /v2/models/english/infer.",
              "minLength": 1,
              "maxLength": 63,
              "pattern": "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
              "x-kubernetes-validations": [
               {
                "rule": "self != 'stats'",
                "message": "is taken, because /v2/models/stats holds the statistics of all models; choose another name"
               }
              ]
             },
             "uri": {
              "type": "string",
              "description": "Where the model lies: s3://BUCKET/KEY, gs://BUCKET/PATH, oci://REGISTRY/REPOSITORY:TAG, hf://ORG/NAME/PATH@REVISION, http(s)://HOST/PATH, pvc://CLAIM/PATH, or on a laptop file:///PATH. An ONNX file, a folder that holds one, or a tar archive of such a folder; in a registry an artefact of such files, or an image with such a folder at /models.",
              "minLength": 1,
              "maxLength": 512,
              "x-kubernetes-validations": [
               {
                "rule": "self.matches('^(s3|http|https|pvc|file|gs|hf|oci)://[^\\\\s]+$')",
                "message": "must be a URI with one of the schemes s3, http, https, pvc, file, gs, hf, oci, such as s3://models/digits/v3/"
               },
               {
                "rule": "!self.matches('^[a-z0-9]+://[^/]*@')",
                "message": "must not carry credentials; name a Secret in spec.storage.credentialsSecretRef"
               },
               {
                "rule": "!self.startsWith('pvc://') || self.matches('^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/.*)?$')",
                "message": "must name a PersistentVolumeClaim and a path in it, such as pvc://models/digits/model.onnx"
               },
               {
                "rule": "!self.matches('^(pvc|file)://.*/\\\\.\\\\.(/|$)')",
                "message": "must not hold a '..' segment"
               },
               {
                "rule": "!self.startsWith('oci://') || self.matches('^oci://[^/@]+/[a-z0-9][-._/a-z0-9]*(:[a-zA-Z0-9_][-.a-zA-Z0-9_]{0,127})?(@sha256:[0-9a-f]{64})?$')",
                "message": "must name a registry, a repository in lower case, and a tag or a digest in it, such as oci://registry.example.com/models/digits:v3"
               },
               {
                "rule": "!self.startsWith('gs://') || self.matches('^gs://[a-z0-9][-._a-z0-9]*(/.*)?$')",
                "message": "must name a bucket and a path in it, such as gs://models/digits/v3/"
               },
               {
                "rule": "!self.startsWith('hf://') || self.matches('^hf://(datasets/)?[-._A-Za-z0-9]+/[-._A-Za-z0-9]+(/[^@]*)?(@[^@]+)?$')",
                "message": "must name an organisation and a repository of its, and may name a path in it and last a revision, such as hf://acme/minilm/onnx/model.onnx@main"
               },
               {
                "rule": "!self.matches('%([^0-9a-fA-F]|[0-9a-fA-F][^0-9a-fA-F]|.?$)')",
                "message": "must follow each percent sign with two hexadecimal digits; write %25 for the sign itself"
               }
              ]
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
           }
          },
          "storage": {
           "type": "object",
           "description": "How to reach the storage of all of spec.models.",
           "properties": {
            "credentialsSecretRef": {
             "type": "object",
             "description": "A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value; for oci: .dockerconfigjson, as image pull secrets have it; for hf: HF_TOKEN; for gs: gcloud-application-credentials.json, a service account's key.",
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
             "description": "The server to ask, where it is not the one that the URI implies: of s3 other than AWS, such as http://minio.storage.svc:9000; for oci a registry that speaks plain HTTP; a mirror of hf; an emulator of gs.",
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
          "replicas": {
           "type": "integer",
           "format": "int32",
           "description": "How many pods serve the model, or each of the models.",
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
           "x-kubernetes-validations": [
            {
             "rule": "!has(self.requests) || !has(self.limits) || self.requests.all(k, !(k in self.limits) || quantity(string(self.requests[k])).compareTo(quantity(string(self.limits[k]))) <= 0)",
             "message": "a request must not be above the limit of the same resource; lower the request or raise the limit",
             "fieldPath": ".requests"
            },
            {
             "rule": "!has(self.requests) || self.requests.all(k, !(k.contains('/') || k.startsWith('hugepages-')) || (has(self.limits) && k in self.limits && quantity(string(self.requests[k])).compareTo(quantity(string(self.limits[k]))) >= 0))",
             "message": "extended resources and huge pages are asked for in limits; leave them out of requests, or name the same amount in both",
             "fieldPath": ".requests"
            }
           ],
           "properties": {
            "requests": {
             "type": "object",
             "description": "What the scheduler sets aside.",
             "maxProperties": 32,
             "x-kubernetes-validations": [
              {
               "rule": "self.all(k, k in ['cpu', 'memory', 'ephemeral-storage'] || k.matches('^hugepages-[1-9][0-9]*[KMG]i$') || (!k.startsWith('requests.') && k.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$')))",
               "message": "must name resources of containers: cpu, memory, ephemeral-storage, huge pages such as hugepages-2Mi, or extended resources such as nvidia.com/gpu"
              },
              {
               "rule": "self.all(k, !k.contains('/') || string(self[k]).matches('^[0-9]+([kMGTPE]|[KMGTPE]i)?$'))",
               "message": "extended resources, those with a / in their name, come whole; write a whole number of them, such as 1 or 2k"
              }
             ],
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
              "description": "A quantity such as 2, 500m or 1.5Gi.",
              "pattern": "^(0|[1-9][0-9]*)(\\.[0-9]+)?([KMGTPE]i|[mkMGTPE])?$",
              "maxLength": 24,
              "minimum": 0
             }
            },
            "limits": {
             "type": "object",
             "description": "What the container may use at most.",
             "maxProperties": 32,
             "x-kubernetes-validations": [
              {
               "rule": "self.all(k, k in ['cpu', 'memory', 'ephemeral-storage'] || k.matches('^hugepages-[1-9][0-9]*[KMG]i$') || (!k.startsWith('requests.') && k.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$')))",
               "message": "must name resources of containers: cpu, memory, ephemeral-storage, huge pages such as hugepages-2Mi, or extended resources such as nvidia.com/gpu"
              },
              {
               "rule": "self.all(k, !k.contains('/') || string(self[k]).matches('^[0-9]+([kMGTPE]|[KMGTPE]i)?$'))",
               "message": "extended resources, those with a / in their name, come whole; write a whole number of them, such as 1 or 2k"
              }
             ],
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
              "description": "A quantity such as 2, 500m or 1.5Gi.",
              "pattern": "^(0|[1-9][0-9]*)(\\.[0-9]+)?([KMGTPE]i|[mkMGTPE])?$",
              "maxLength": 24,
              "minimum": 0
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
          "access": {
           "type": "object",
           "description": "Who may call, and how connections are made. Absent, everybody who reaches the Service may, in the clear.",
           "x-kubernetes-validations": [
            {
             "rule": "has(self.apiKeys) || has(self.oidc) || has(self.tls)",
             "message": "set at least one of spec.access.apiKeys, spec.access.oidc and spec.access.tls; leave spec.access out to let everybody in"
            }
           ],
           "properties": {
            "apiKeys": {
             "type": "object",
             "description": "Lets in who sends an API key, as Authorization: Bearer KEY or X-API-Key.",
             "required": [
              "secretRef"
             ],
             "properties": {
              "secretRef": {
               "type": "object",
               "description": "A Secret in the same namespace with an entry for each caller: its name, and sha256:HEX of its API key. The key itself is in no Secret. A change counts within two minutes, without a restart.",
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
              }
             }
            },
            "oidc": {
             "type": "object",
             "description": "Lets in who sends a token of an OpenID Connect issuer, as Authorization: Bearer TOKEN.",
             "required": [
              "issuer",
              "audiences"
             ],
             "properties": {
              "issuer": {
               "type": "string",
               "description": "The issuer's URL, as its tokens have it in iss.",
               "maxLength": 1024,
               "x-kubernetes-validations": [
                {
                 "rule": "self.matches('^https://[^\\\\s/?#@]+(/[^\\\\s?#@]*)?$')",
                 "message": "must be an https URL without credentials, query and fragment, such as https://login.example.com"
                }
               ]
              },
              "audiences": {
               "type": "array",
               "description": "A token must be for one of these, by its aud.",
               "minItems": 1,
               "maxItems": 8,
               "x-kubernetes-list-type": "set",
               "items": {
                "type": "string",
                "minLength": 1,
                "maxLength": 256
               }
              },
              "jwksUri": {
               "type": "string",
               "description": "Where the issuer's public keys are; absent, where its discovery document says.",
               "maxLength": 1024,
               "x-kubernetes-validations": [
                {
                 "rule": "self.matches('^https://[^\\\\s/?#@]+(/[^\\\\s?#@]*)?$')",
                 "message": "must be an https URL without credentials, query and fragment, such as https://login.example.com"
                }
               ]
              },
              "requiredClaims": {
               "type": "object",
               "description": "Claims that a token must have beside, each with this value, or with a list that holds it.",
               "maxProperties": 16,
               "additionalProperties": {
                "type": "string",
                "maxLength": 1024
               }
              },
              "caConfigMapRef": {
               "type": "object",
               "description": "A ConfigMap in the same namespace whose key ca.crt holds PEM certificates to trust beside the public ones where the issuer is asked.",
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
            "tls": {
             "type": "object",
             "description": "TLS on both ports; the Service then has REST on 443. Renewed certificates are used without a restart.",
             "required": [
              "secretRef"
             ],
             "x-kubernetes-validations": [
              {
               "rule": "!has(self.clientCaConfigMapRef) || self.clientCertificates == 'Required'",
               "message": "is for spec.access.tls.clientCertificates Required",
               "fieldPath": ".clientCaConfigMapRef"
              }
             ],
             "properties": {
              "secretRef": {
               "type": "object",
               "description": "A Secret of type kubernetes.io/tls in the same namespace, with tls.crt and tls.key, as cert-manager makes it.",
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
              "clientCertificates": {
               "type": "string",
               "description": "Required makes no connection with a client without a certificate, whatever key or token it has.",
               "default": "None",
               "enum": [
                "None",
                "Required"
               ]
              },
              "clientCaConfigMapRef": {
               "type": "object",
               "description": "A ConfigMap in the same namespace whose key ca.crt holds the authorities of clients; absent, ca.crt of the Secret does.",
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
            }
           }
          },
          "serving": {
           "type": "object",
           "description": "How requests are answered.",
           "default": {},
           "x-kubernetes-validations": [
            {
             "rule": "!has(self.memoryBudget) || !isQuantity(string(self.memoryBudget)) || quantity(string(self.memoryBudget)).compareTo(quantity('256Mi')) >= 0",
             "message": "spec.serving.memoryBudget must be at least 256Mi, so that a model fits; raise it",
             "fieldPath": ".memoryBudget"
            }
           ],
           "properties": {
            "memoryBudget": {
             "anyOf": [
              {
               "type": "integer"
              },
              {
               "type": "string"
              }
             ],
             "x-kubernetes-int-or-string": true,
             "description": "What the processes of spec.models may hold together, as measured while they run; beyond it those that nobody asked for longest give way. Absent, four fifths of what the memory limit leaves, or without a limit half of the machine's memory.",
             "pattern": "^(0|[1-9][0-9]*)(\\.[0-9]+)?([KMGTPE]i|[mkMGTPE])?$",
             "maxLength": 24,
             "minimum": 0
            },
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
            },
            "modelControl": {
             "type": "string",
             "description": "Whether clients may load and unload the model by the Open Inference Protocol's repository calls. Explicit lets everybody who reaches the Service do so, pod by pod.",
             "default": "None",
             "enum": [
              "None",
              "Explicit"
             ]
            },
            "torchServe": {
             "type": "object",
             "description": "Answers TorchServe's inference and management calls on port 8085. Absent, that port is closed. Not beside spec.access.",
             "required": [
              "tokenSecretRef"
             ],
             "properties": {
              "tokenSecretRef": {
               "type": "object",
               "description": "A Secret in the same namespace whose keys inference and management hold the token of each API, or sha256:HEX of it. A key that is absent lets nobody call that API. A change counts within two minutes, without a restart.",
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
              }
             }
            },
            "accessLog": {
             "type": "string",
             "description": "Which requests of inference leave a line in the pod's log: none, those that were not answered as asked, or all. A line names model, code, times and the client's address, and holds nothing of what was sent.",
             "default": "None",
             "enum": [
              "None",
              "Failed",
              "All"
             ]
            },
            "cache": {
             "type": "object",
             "description": "Where a pod keeps what it downloads. Absent, each pod has a cache of its own, which goes with it.",
             "properties": {
              "persistentVolumeClaim": {
               "type": "object",
               "description": "A claim in the same namespace. All pods that name it share what is in it: those of one node where it is ReadWriteOnce, all where it is ReadWriteMany.",
               "required": [
                "claimName"
               ],
               "properties": {
                "claimName": {
                 "type": "string",
                 "description": "The claim's name.",
                 "minLength": 1,
                 "maxLength": 253,
                 "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
                }
               }
              },
              "maxSize": {
               "type": "string",
               "description": "How much the cache may hold, such as 50Gi: beyond it the least recently used content goes that nobody uses. What is in use counts, and stays. Absent, nothing goes until the disk is full.",
               "maxLength": 24,
               "pattern": "^([1-9][0-9]*)([KMGTPE]i|[kMGTPE])?$"
              }
             }
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
               "x-kubernetes-validations": [
                {
                 "rule": "self.all(k, size(k) <= 253 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$'))",
                 "message": "every key must be a name such as team or example.com/team"
                }
               ],
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
               "x-kubernetes-validations": [
                {
                 "rule": "self.all(k, size(k) <= 253 && k.matches('^([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?(\\\\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$'))",
                 "message": "every key must be a name such as team or example.com/team"
                }
               ],
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
             "x-kubernetes-validations": [
              {
               "rule": "self.all(k, size(k) <= 253 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$'))",
               "message": "every key must be a name such as team or example.com/team"
              }
             ],
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
              "x-kubernetes-validations": [
               {
                "rule": "!has(self.value) || self.value == '' || !has(self.operator) || self.operator != 'Exists'",
                "message": "a value goes with the operator Equal; leave it out beside Exists",
                "fieldPath": ".value"
               },
               {
                "rule": "(has(self.key) && self.key != '') || (has(self.operator) && self.operator == 'Exists')",
                "message": "name a key, or set the operator to Exists to tolerate every taint"
               },
               {
                "rule": "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
                "message": "tolerationSeconds go with the effect NoExecute; set it, or leave the seconds out",
                "fieldPath": ".tolerationSeconds"
               }
              ],
              "properties": {
               "key": {
                "type": "string",
                "maxLength": 253,
                "pattern": "^(([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$",
                "description": "A name such as example.com/team; absent with Exists, every taint is meant."
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
                "maxLength": 63,
                "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
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
             "properties": {
              "nodeAffinity": {
               "type": "object",
               "description": "Which nodes are wanted.",
               "properties": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                 "type": "object",
                 "description": "What a node must have; one of the terms is enough.",
                 "required": [
                  "nodeSelectorTerms"
                 ],
                 "properties": {
                  "nodeSelectorTerms": {
                   "type": "array",
                   "minItems": 1,
                   "maxItems": 16,
                   "items": {
                    "type": "object",
                    "properties": {
                     "matchExpressions": {
                      "type": "array",
                      "maxItems": 16,
                      "items": {
                       "type": "object",
                       "required": [
                        "key",
                        "operator"
                       ],
                       "properties": {
                        "key": {
                         "type": "string",
                         "minLength": 1,
                         "maxLength": 316
                        },
                        "operator": {
                         "type": "string",
                         "enum": [
                          "In",
                          "NotIn",
                          "Exists",
                          "DoesNotExist",
                          "Gt",
                          "Lt"
                         ]
                        },
                        "values": {
                         "type": "array",
                         "maxItems": 64,
                         "items": {
                          "type": "string",
                          "maxLength": 253
                         }
                        }
                       }
                      }
                     },
                     "matchFields": {
                      "type": "array",
                      "maxItems": 16,
                      "items": {
                       "type": "object",
                       "required": [
                        "key",
                        "operator"
                       ],
                       "properties": {
                        "key": {
                         "type": "string",
                         "minLength": 1,
                         "maxLength": 316
                        },
                        "operator": {
                         "type": "string",
                         "enum": [
                          "In",
                          "NotIn",
                          "Exists",
                          "DoesNotExist",
                          "Gt",
                          "Lt"
                         ]
                        },
                        "values": {
                         "type": "array",
                         "maxItems": 64,
                         "items": {
                          "type": "string",
                          "maxLength": 253
                         }
                        }
                       }
                      }
                     }
                    }
                   }
                  }
                 }
                },
                "preferredDuringSchedulingIgnoredDuringExecution": {
                 "type": "array",
                 "description": "What a node should have.",
                 "maxItems": 16,
                 "items": {
                  "type": "object",
                  "required": [
                   "weight",
                   "preference"
                  ],
                  "properties": {
                   "weight": {
                    "type": "integer",
                    "format": "int32",
                    "minimum": 1,
                    "maximum": 100
                   },
                   "preference": {
                    "type": "object",
                    "properties": {
                     "matchExpressions": {
                      "type": "array",
                      "maxItems": 16,
                      "items": {
                       "type": "object",
                       "required": [
                        "key",
                        "operator"
                       ],
                       "properties": {
                        "key": {
                         "type": "string",
                         "minLength": 1,
                         "maxLength": 316
                        },
                        "operator": {
                         "type": "string",
                         "enum": [
                          "In",
                          "NotIn",
                          "Exists",
                          "DoesNotExist",
                          "Gt",
                          "Lt"
                         ]
                        },
                        "values": {
                         "type": "array",
                         "maxItems": 64,
                         "items": {
                          "type": "string",
                          "maxLength": 253
                         }
                        }
                       }
                      }
                     },
                     "matchFields": {
                      "type": "array",
                      "maxItems": 16,
                      "items": {
                       "type": "object",
                       "required": [
                        "key",
                        "operator"
                       ],
                       "properties": {
                        "key": {
                         "type": "string",
                         "minLength": 1,
                         "maxLength": 316
                        },
                        "operator": {
                         "type": "string",
                         "enum": [
                          "In",
                          "NotIn",
                          "Exists",
                          "DoesNotExist",
                          "Gt",
                          "Lt"
                         ]
                        },
                        "values": {
                         "type": "array",
                         "maxItems": 64,
                         "items": {
                          "type": "string",
                          "maxLength": 253
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
               }
              },
              "podAffinity": {
               "type": "object",
               "description": "Which pods are wanted nearby.",
               "properties": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                 "type": "array",
                 "description": "What must hold.",
                 "maxItems": 16,
                 "items": {
                  "type": "object",
                  "required": [
                   "topologyKey"
                  ],
                  "properties": {
                   "topologyKey": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 316
                   },
                   "labelSelector": {
                    "type": "object",
                    "properties": {
                     "matchLabels": {
                      "type": "object",
                      "maxProperties": 32,
                      "additionalProperties": {
                       "type": "string",
                       "maxLength": 63
                      }
                     },
                     "matchExpressions": {
                      "type": "array",
                      "maxItems": 16,
                      "items": {
                       "type": "object",
                       "required": [
                        "key",
                        "operator"
                       ],
                       "properties": {
                        "key": {
                         "type": "string",
                         "minLength": 1,
                         "maxLength": 316
                        },
                        "operator": {
                         "type": "string",
                         "enum": [
                          "In",
                          "NotIn",
                          "Exists",
                          "DoesNotExist"
                         ]
                        },
                        "values": {
                         "type": "array",
                         "maxItems": 64,
                         "items": {
                          "type": "string",
                          "maxLength": 63
                         }
                        }
                       }
                      }
                     }
                    }
                   },
                   "namespaces": {
                    "type": "array",
                    "maxItems": 32,
                    "items": {
                     "type": "string",
                     "maxLength": 63
                    }
                   },
                   "namespaceSelector": {
                    "type": "object",
                    "properties": {
                     "matchLabels": {
                      "type": "object",
                      "maxProperties": 32,
                      "additionalProperties": {
                       "type": "string",
                       "maxLength": 63
                      }
                     },
                     "matchExpressions": {
                      "type": "array",
                      "maxItems": 16,
                      "items": {
                       "type": "object",
                       "required": [
                        "key",
                        "operator"
                       ],
                       "properties": {
                        "key": {
                         "type": "string",
                         "minLength": 1,
                         "maxLength": 316
                        },
                        "operator": {
                         "type": "string",
                         "enum": [
                          "In",
                          "NotIn",
                          "Exists",
                          "DoesNotExist"
                         ]
                        },
                        "values": {
                         "type": "array",
                         "maxItems": 64,
                         "items": {
                          "type": "string",
                          "maxLength": 63
                         }
                        }
                       }
                      }
                     }
                    }
                   }
                  }
                 }
                },
                "preferredDuringSchedulingIgnoredDuringExecution": {
                 "type": "array",
                 "description": "What should hold.",
                 "maxItems": 16,
                 "items": {
                  "type": "object",
                  "required": [
                   "weight",
                   "podAffinityTerm"
                  ],
                  "properties": {
                   "weight": {
                    "type": "integer",
                    "format": "int32",
                    "minimum": 1,
                    "maximum": 100
                   },
                   "podAffinityTerm": {
                    "type": "object",
                    "required": [
                     "topologyKey"
                    ],
                    "properties": {
                     "topologyKey": {
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 316
                     },
                     "labelSelector": {
                      "type": "object",
                      "properties": {
                       "matchLabels": {
                        "type": "object",
                        "maxProperties": 32,
                        "additionalProperties": {
                         "type": "string",
                         "maxLength": 63
                        }
                       },
                       "matchExpressions": {
                        "type": "array",
                        "maxItems": 16,
                        "items": {
                         "type": "object",
                         "required": [
                          "key",
                          "operator"
                         ],
                         "properties": {
                          "key": {
                           "type": "string",
                           "minLength": 1,
                           "maxLength": 316
                          },
                          "operator": {
                           "type": "string",
                           "enum": [
                            "In",
                            "NotIn",
                            "Exists",
                            "DoesNotExist"
                           ]
                          },
                          "values": {
                           "type": "array",
                           "maxItems": 64,
                           "items": {
                            "type": "string",
                            "maxLength": 63
                           }
                          }
                         }
                        }
                       }
                      }
                     },
                     "namespaces": {
                      "type": "array",
                      "maxItems": 32,
                      "items": {
                       "type": "string",
                       "maxLength": 63
                      }
                     },
                     "namespaceSelector": {
                      "type": "object",
                      "properties": {
                       "matchLabels": {
                        "type": "object",
                        "maxProperties": 32,
                        "additionalProperties": {
                         "type": "string",
                         "maxLength": 63
                        }
                       },
                       "matchExpressions": {
                        "type": "array",
                        "maxItems": 16,
                        "items": {
                         "type": "object",
                         "required": [
                          "key",
                          "operator"
                         ],
                         "properties": {
                          "key": {
                           "type": "string",
                           "minLength": 1,
                           "maxLength": 316
                          },
                          "operator": {
                           "type": "string",
                           "enum": [
                            "In",
                            "NotIn",
                            "Exists",
                            "DoesNotExist"
                           ]
                          },
                          "values": {
                           "type": "array",
                           "maxItems": 64,
                           "items": {
                            "type": "string",
                            "maxLength": 63
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
                 }
                }
               }
              },
              "podAntiAffinity": {
               "type": "object",
               "description": "Which pods are not wanted nearby.",
               "properties": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                 "type": "array",
                 "description": "What must hold.",
                 "maxItems": 16,
                 "items": {
                  "type": "object",
                  "required": [
                   "topologyKey"
                  ],
                  "properties": {
                   "topologyKey": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 316
                   },
                   "labelSelector": {
                    "type": "object",
                    "properties": {
                     "matchLabels": {
                      "type": "object",
                      "maxProperties": 32,
                      "additionalProperties": {
                       "type": "string",
                       "maxLength": 63
                      }
                     },
                     "matchExpressions": {
                      "type": "array",
                      "maxItems": 16,
                      "items": {
                       "type": "object",
                       "required": [
                        "key",
                        "operator"
                       ],
                       "properties": {
                        "key": {
                         "type": "string",
                         "minLength": 1,
                         "maxLength": 316
                        },
                        "operator": {
                         "type": "string",
                         "enum": [
                          "In",
                          "NotIn",
                          "Exists",
                          "DoesNotExist"
                         ]
                        },
                        "values": {
                         "type": "array",
                         "maxItems": 64,
                         "items": {
                          "type": "string",
                          "maxLength": 63
                         }
                        }
                       }
                      }
                     }
                    }
                   },
                   "namespaces": {
                    "type": "array",
                    "maxItems": 32,
                    "items": {
                     "type": "string",
                     "maxLength": 63
                    }
                   },
                   "namespaceSelector": {
                    "type": "object",
                    "properties": {
                     "matchLabels": {
                      "type": "object",
                      "maxProperties": 32,
                      "additionalProperties": {
                       "type": "string",
                       "maxLength": 63
                      }
                     },
                     "matchExpressions": {
                      "type": "array",
                      "maxItems": 16,
                      "items": {
                       "type": "object",
                       "required": [
                        "key",
                        "operator"
                       ],
                       "properties": {
                        "key": {
                         "type": "string",
                         "minLength": 1,
                         "maxLength": 316
                        },
                        "operator": {
                         "type": "string",
                         "enum": [
                          "In",
                          "NotIn",
                          "Exists",
                          "DoesNotExist"
                         ]
                        },
                        "values": {
                         "type": "array",
                         "maxItems": 64,
                         "items": {
                          "type": "string",
                          "maxLength": 63
                         }
                        }
                       }
                      }
                     }
                    }
                   }
                  }
                 }
                },
                "preferredDuringSchedulingIgnoredDuringExecution": {
                 "type": "array",
                 "description": "What should hold.",
                 "maxItems": 16,
                 "items": {
                  "type": "object",
                  "required": [
                   "weight",
                   "podAffinityTerm"
                  ],
                  "properties": {
                   "weight": {
                    "type": "integer",
                    "format": "int32",
                    "minimum": 1,
                    "maximum": 100
                   },
                   "podAffinityTerm": {
                    "type": "object",
                    "required": [
                     "topologyKey"
                    ],
                    "properties": {
                     "topologyKey": {
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 316
                     },
                     "labelSelector": {
                      "type": "object",
                      "properties": {
                       "matchLabels": {
                        "type": "object",
                        "maxProperties": 32,
                        "additionalProperties": {
                         "type": "string",
                         "maxLength": 63
                        }
                       },
                       "matchExpressions": {
                        "type": "array",
                        "maxItems": 16,
                        "items": {
                         "type": "object",
                         "required": [
                          "key",
                          "operator"
                         ],
                         "properties": {
                          "key": {
                           "type": "string",
                           "minLength": 1,
                           "maxLength": 316
                          },
                          "operator": {
                           "type": "string",
                           "enum": [
                            "In",
                            "NotIn",
                            "Exists",
                            "DoesNotExist"
                           ]
                          },
                          "values": {
                           "type": "array",
                           "maxItems": 64,
                           "items": {
                            "type": "string",
                            "maxLength": 63
                           }
                          }
                         }
                        }
                       }
                      }
                     },
                     "namespaces": {
                      "type": "array",
                      "maxItems": 32,
                      "items": {
                       "type": "string",
                       "maxLength": 63
                      }
                     },
                     "namespaceSelector": {
                      "type": "object",
                      "properties": {
                       "matchLabels": {
                        "type": "object",
                        "maxProperties": 32,
                        "additionalProperties": {
                         "type": "string",
                         "maxLength": 63
                        }
                       },
                       "matchExpressions": {
                        "type": "array",
                        "maxItems": 16,
                        "items": {
                         "type": "object",
                         "required": [
                          "key",
                          "operator"
                         ],
                         "properties": {
                          "key": {
                           "type": "string",
                           "minLength": 1,
                           "maxLength": 316
                          },
                          "operator": {
                           "type": "string",
                           "enum": [
                            "In",
                            "NotIn",
                            "Exists",
                            "DoesNotExist"
                           ]
                          },
                          "values": {
                           "type": "array",
                           "maxItems": 64,
                           "items": {
                            "type": "string",
                            "maxLength": 63
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
                 }
                }
               }
              }
             }
            },
            "topologySpreadConstraints": {
             "type": "array",
             "description": "How the pods spread over the nodes; without a labelSelector, the deployment's own pods are meant.",
             "maxItems": 8,
             "x-kubernetes-list-type": "map",
             "x-kubernetes-list-map-keys": [
              "topologyKey",
              "whenUnsatisfiable"
             ],
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
                "properties": {
                 "matchLabels": {
                  "type": "object",
                  "maxProperties": 32,
                  "additionalProperties": {
                   "type": "string",
                   "maxLength": 63
                  }
                 },
                 "matchExpressions": {
                  "type": "array",
                  "maxItems": 16,
                  "items": {
                   "type": "object",
                   "required": [
                    "key",
                    "operator"
                   ],
                   "properties": {
                    "key": {
                     "type": "string",
                     "minLength": 1,
                     "maxLength": 316
                    },
                    "operator": {
                     "type": "string",
                     "enum": [
                      "In",
                      "NotIn",
                      "Exists",
                      "DoesNotExist"
                     ]
                    },
                    "values": {
                     "type": "array",
                     "maxItems": 64,
                     "items": {
                      "type": "string",
                      "maxLength": 63
                     }
                    }
                   }
                  }
                 }
                }
               }
              }
             }
            },
            "priorityClassName": {
             "type": "string",
             "maxLength": 253,
             "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$",
             "description": "The pods' priority class."
            },
            "runtimeClassName": {
             "type": "string",
             "maxLength": 253,
             "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
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
             "x-kubernetes-list-type": "map",
             "x-kubernetes-list-map-keys": [
              "name"
             ],
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
                  "maxLength": 24,
                  "pattern": "^(0|[1-9][0-9]*)([KMGTPE]i|[kMGTPE])?$"
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
                "rule": "self.mountPath.startsWith('/') && !self.mountPath.matches('^/+(app|modelyard|tmp)?(/|$)')",
                "message": "must be an absolute path outside /app and /modelyard, and not in /tmp",
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
          "modelSummary": {
           "type": "string",
           "maxLength": 1024,
           "description": "What is served, for tables: the URI of a model, or how many models there are and how many of them have faults."
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
          "models": {
           "type": "array",
           "description": "Several models as resolved and pinned. Which of them are in memory varies by pod and moment; see the repository index.",
           "maxItems": 200,
           "x-kubernetes-list-type": "map",
           "x-kubernetes-list-map-keys": [
            "name"
           ],
           "items": {
            "type": "object",
            "required": [
             "name",
             "uri"
            ],
            "properties": {
             "name": {
              "type": "string",
              "maxLength": 63,
              "description": "Its name in URLs."
             },
             "uri": {
              "type": "string",
              "maxLength": 512,
              "description": "Where it is loaded from."
             },
             "digest": {
              "type": "string",
              "maxLength": 71,
              "description": "Its content, sha256:HEX, once a pod has read it."
             },
             "reason": {
              "type": "string",
              "maxLength": 64,
              "description": "Of a fault that a pod has with it, as in a condition."
             },
             "message": {
              "type": "string",
              "maxLength": 2048,
              "description": "What happened and what to do about it."
             }
            }
           }
          },
          "trained": {
           "type": "object",
           "description": "The version that spec.model.trained stands for. It is kept here, so that nothing changes when its TrainingJob goes.",
           "required": [
            "name",
            "job",
            "uri",
            "digest",
            "completionTime"
           ],
           "properties": {
            "name": {
             "type": "string",
             "maxLength": 63,
             "description": "The lineage."
            },
            "job": {
             "type": "string",
             "maxLength": 253,
             "description": "The TrainingJob that made it."
            },
            "uri": {
             "type": "string",
             "maxLength": 1024,
             "description": "Where it lies."
            },
            "digest": {
             "type": "string",
             "maxLength": 71,
             "description": "Its content, sha256:HEX."
            },
            "completionTime": {
             "type": "string",
             "format": "date-time",
             "description": "When it was made."
            },
            "storage": {
             "type": "object",
             "description": "How to reach it.",
             "properties": {
              "credentialsSecretRef": {
               "type": "object",
               "description": "A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value; for oci: .dockerconfigjson, as image pull secrets have it; for hf: HF_TOKEN; for gs: gcloud-application-credentials.json, a service account's key.",
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
               "description": "The server to ask, where it is not the one that the URI implies: of s3 other than AWS, such as http://minio.storage.svc:9000; for oci a registry that speaks plain HTTP; a mirror of hf; an emulator of gs.",
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
 },
 {
  "metadata": {
   "name": "trainingjobs.modelyard.dev"
  },
  "spec": {
   "group": "modelyard.dev",
   "names": {
    "kind": "TrainingJob",
    "plural": "trainingjobs",
    "singular": "trainingjob",
    "shortNames": [
     "tj"
    ]
   },
   "versions": [
    {
     "name": "v1alpha1",
     "schema": {
      "openAPIV3Schema": {
       "type": "object",
       "description": "A model, trained by parameter servers and workers.",
       "required": [
        "spec"
       ],
       "x-kubernetes-validations": [
        {
         "rule": "size(self.metadata.name) <= 40",
         "message": "metadata.name must be at most 40 characters, so that the names of its pods fit"
        },
        {
         "rule": "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
         "message": "metadata.name must start with a letter and hold only lower case letters, digits and '-', because its pods have names in DNS"
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
         "description": "What to train, on what, and what becomes of it. After creation only workers.replicas, acceptance and runPolicy may change.",
         "required": [
          "output"
         ],
         "x-kubernetes-validations": [
          {
           "rule": "has(self.train) != has(self.containers)",
           "message": "set exactly one of spec.train and spec.containers"
          },
          {
           "rule": "has(self.train) == has(oldSelf.train)",
           "message": "spec.train cannot be added or removed; create another TrainingJob"
          },
          {
           "rule": "has(self.transport) == has(oldSelf.transport)",
           "message": "spec.transport cannot be added or removed; create another TrainingJob"
          },
          {
           "rule": "!has(self.containers) || has(self.containers.parameterServer) || self.parameterServers.replicas == 0",
           "message": "set spec.parameterServers.replicas to 0, or describe the pods in spec.containers.parameterServer",
           "fieldPath": ".parameterServers"
          },
          {
           "rule": "!has(self.train) || self.parameterServers.replicas >= 1",
           "message": "the built-in trainer needs at least one parameter server",
           "fieldPath": ".parameterServers.replicas"
          },
          {
           "rule": "!has(self.acceptance) || !has(self.train) || self.acceptance.metric in self.train.metrics || self.acceptance.metric == \"loss\"",
           "message": "must be loss or one of spec.train.metrics",
           "fieldPath": ".acceptance.metric"
          },
          {
           "rule": "!has(self.acceptance) || !has(self.train) || self.train.data.testSplit > 0.0",
           "message": "is judged on the test split; set spec.train.data.testSplit above 0",
           "fieldPath": ".acceptance"
          }
         ],
         "properties": {
          "train": {
           "type": "object",
           "description": "The built-in trainer: ONNX in, ONNX out.",
           "required": [
            "model",
            "data",
            "loss"
           ],
           "x-kubernetes-validations": [
            {
             "rule": "self == oldSelf",
             "message": "spec.train cannot change; create another TrainingJob"
            },
            {
             "rule": "self.gradientShards <= self.batchSize",
             "message": "must be at most spec.train.batchSize, so that every shard holds a sample",
             "fieldPath": ".gradientShards"
            },
            {
             "rule": "self.metrics.all(m, self.loss == 'CrossEntropy' ? m in ['accuracy', 'f1'] : m in ['meanAbsoluteError', 'meanSquaredError', 'r2'])",
             "message": "accuracy and f1 go with CrossEntropy; meanAbsoluteError, meanSquaredError and r2 with MeanSquaredError",
             "fieldPath": ".metrics"
            },
            {
             "rule": "!has(self.earlyStopping) || self.data.validationSplit > 0.0",
             "message": "watches the validation split; set spec.train.data.validationSplit above 0",
             "fieldPath": ".earlyStopping"
            },
            {
             "rule": "!has(self.trainable) || has(self.model.uri)",
             "message": "is for a model that exists; set spec.train.model.uri, or leave it out",
             "fieldPath": ".trainable"
            }
           ],
           "properties": {
            "model": {
             "type": "object",
             "description": "Where training starts.",
             "x-kubernetes-validations": [
              {
               "rule": "[has(self.uri), has(self.mlp), has(self.cnn)].filter(x, x).size() == 1",
               "message": "set exactly one of spec.train.model.uri, mlp and cnn"
              },
              {
               "rule": "!has(self.storage) || has(self.uri)",
               "message": "spec.train.model.storage belongs to spec.train.model.uri; leave it out beside mlp and cnn",
               "fieldPath": ".storage"
              }
             ],
             "properties": {
              "uri": {
               "type": "string",
               "description": "An ONNX model whose operators have gradients.",
               "minLength": 1,
               "maxLength": 1024,
               "x-kubernetes-validations": [
                {
                 "rule": "self.matches('^(s3|http|https|pvc|file|gs|hf|oci)://[^\\\\s]+$')",
                 "message": "must be a URI with one of the schemes s3, http, https, pvc, file, gs, hf, oci, such as pvc://models/start.onnx"
                },
                {
                 "rule": "!self.matches('^[a-z0-9]+://[^/]*@')",
                 "message": "must not carry credentials; name a Secret in credentialsSecretRef of the storage beside it"
                },
                {
                 "rule": "!self.startsWith('pvc://') || self.matches('^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/.*)?$')",
                 "message": "must name a PersistentVolumeClaim and a path in it, such as pvc://data/digits.csv"
                },
                {
                 "rule": "!self.matches('^(pvc|file)://.*/\\\\.\\\\.(/|$)')",
                 "message": "must not hold a '..' segment"
                },
                {
                 "rule": "!self.startsWith('oci://') || self.matches('^oci://[^/@]+/[a-z0-9][-._/a-z0-9]*(:[a-zA-Z0-9_][-.a-zA-Z0-9_]{0,127})?(@sha256:[0-9a-f]{64})?$')",
                 "message": "must name a registry, a repository in lower case, and a tag or a digest in it, such as oci://registry.example.com/models/digits:v3"
                },
                {
                 "rule": "!self.startsWith('gs://') || self.matches('^gs://[a-z0-9][-._a-z0-9]*(/.*)?$')",
                 "message": "must name a bucket and a path in it, such as gs://models/digits/v3/"
                },
                {
                 "rule": "!self.startsWith('hf://') || self.matches('^hf://(datasets/)?[-._A-Za-z0-9]+/[-._A-Za-z0-9]+(/[^@]*)?(@[^@]+)?$')",
                 "message": "must name an organisation and a repository of its, and may name a path in it and last a revision, such as hf://acme/minilm/onnx/model.onnx@main"
                },
                {
                 "rule": "!self.matches('%([^0-9a-fA-F]|[0-9a-fA-F][^0-9a-fA-F]|.?$)')",
                 "message": "must follow each percent sign with two hexadecimal digits; write %25 for the sign itself"
                }
               ]
              },
              "storage": {
               "type": "object",
               "description": "How to reach what the URI beside it names.",
               "properties": {
                "credentialsSecretRef": {
                 "type": "object",
                 "description": "A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value; for oci: .dockerconfigjson, as image pull secrets have it; for hf: HF_TOKEN; for gs: gcloud-application-credentials.json, a service account's key.",
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
                 "description": "The server to ask, where it is not the one that the URI implies: of s3 other than AWS; for oci a registry that speaks plain HTTP; a mirror of hf; an emulator of gs.",
                 "maxLength": 1024,
                 "pattern": "^https?://[^\\s/@]+/?$"
                },
                "region": {
                 "type": "string",
                 "maxLength": 64,
                 "pattern": "^[a-z0-9-]+$",
                 "description": "The S3 region."
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
              "mlp": {
               "type": "object",
               "description": "Fully connected layers, built for the data's shape.",
               "required": [
                "hidden"
               ],
               "properties": {
                "hidden": {
                 "type": "array",
                 "description": "The width of each hidden layer.",
                 "minItems": 1,
                 "maxItems": 32,
                 "items": {
                  "type": "integer",
                  "format": "int32",
                  "minimum": 1,
                  "maximum": 65536
                 }
                },
                "activation": {
                 "type": "string",
                 "description": "Between the layers.",
                 "default": "Relu",
                 "enum": [
                  "Relu",
                  "Tanh",
                  "Sigmoid"
                 ]
                },
                "dropout": {
                 "type": "number",
                 "default": 0,
                 "minimum": 0,
                 "maximum": 0.95,
                 "description": "The share of values that each hidden layer drops while it trains."
                }
               }
              },
              "cnn": {
               "type": "object",
               "description": "Convolutions with pooling, then one fully connected layer, built for the data's shape.",
               "required": [
                "channels"
               ],
               "properties": {
                "channels": {
                 "type": "array",
                 "description": "The channels of each convolution.",
                 "minItems": 1,
                 "maxItems": 16,
                 "items": {
                  "type": "integer",
                  "format": "int32",
                  "minimum": 1,
                  "maximum": 4096
                 }
                },
                "kernelSize": {
                 "type": "integer",
                 "format": "int32",
                 "default": 3,
                 "minimum": 1,
                 "maximum": 15,
                 "description": "Of each convolution."
                },
                "activation": {
                 "type": "string",
                 "description": "Between the layers.",
                 "default": "Relu",
                 "enum": [
                  "Relu",
                  "Tanh",
                  "Sigmoid"
                 ]
                },
                "batchNormalization": {
                 "type": "boolean",
                 "default": false,
                 "description": "After each convolution."
                },
                "dropout": {
                 "type": "number",
                 "default": 0,
                 "minimum": 0,
                 "maximum": 0.95,
                 "description": "The share of values that are dropped before the last layer while it trains."
                }
               }
              }
             }
            },
            "trainable": {
             "type": "object",
             "description": "Fine-tuning; absent, everything is trained.",
             "properties": {
              "freeze": {
               "type": "array",
               "description": "Names of weights to leave as they are; '*' stands for any characters.",
               "maxItems": 64,
               "items": {
                "type": "string",
                "minLength": 1,
                "maxLength": 256
               }
              },
              "head": {
               "type": "object",
               "description": "A fresh last layer.",
               "required": [
                "classes"
               ],
               "properties": {
                "classes": {
                 "type": "integer",
                 "format": "int32",
                 "minimum": 2,
                 "maximum": 65536,
                 "description": "How many classes it tells apart."
                }
               }
              }
             }
            },
            "data": {
             "type": "object",
             "description": "The samples.",
             "required": [
              "uri",
              "label"
             ],
             "x-kubernetes-validations": [
              {
               "rule": "self.validationSplit + self.testSplit < 1.0",
               "message": "validationSplit and testSplit must leave samples to train on; together they must be below 1"
              },
              {
               "rule": "!has(self.image) || !has(self.features)",
               "message": "spec.train.data.features and spec.train.data.image exclude each other; leave one of them out",
               "fieldPath": ".features"
              },
              {
               "rule": "!has(self.image) || !has(self.shape)",
               "message": "beside spec.train.data.image, whose height, width and channels give the shape, leave spec.train.data.shape out",
               "fieldPath": ".shape"
              },
              {
               "rule": "!has(self.image) || self.image.column != self.label",
               "message": "spec.train.data.image.column must be another column than spec.train.data.label",
               "fieldPath": ".image.column"
              },
              {
               "rule": "!has(self.features) || !(self.label in self.features)",
               "message": "spec.train.data.features must not hold the column of spec.train.data.label; leave it out",
               "fieldPath": ".features"
              }
             ],
             "properties": {
              "uri": {
               "type": "string",
               "description": "Where they lie: csv, jsonl, npy, npz or parquet.",
               "minLength": 1,
               "maxLength": 1024,
               "x-kubernetes-validations": [
                {
                 "rule": "self.matches('^(s3|http|https|pvc|file|gs|hf|oci)://[^\\\\s]+$')",
                 "message": "must be a URI with one of the schemes s3, http, https, pvc, file, gs, hf, oci, such as pvc://models/start.onnx"
                },
                {
                 "rule": "!self.matches('^[a-z0-9]+://[^/]*@')",
                 "message": "must not carry credentials; name a Secret in credentialsSecretRef of the storage beside it"
                },
                {
                 "rule": "!self.startsWith('pvc://') || self.matches('^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/.*)?$')",
                 "message": "must name a PersistentVolumeClaim and a path in it, such as pvc://data/digits.csv"
                },
                {
                 "rule": "!self.matches('^(pvc|file)://.*/\\\\.\\\\.(/|$)')",
                 "message": "must not hold a '..' segment"
                },
                {
                 "rule": "!self.startsWith('oci://') || self.matches('^oci://[^/@]+/[a-z0-9][-._/a-z0-9]*(:[a-zA-Z0-9_][-.a-zA-Z0-9_]{0,127})?(@sha256:[0-9a-f]{64})?$')",
                 "message": "must name a registry, a repository in lower case, and a tag or a digest in it, such as oci://registry.example.com/models/digits:v3"
                },
                {
                 "rule": "!self.startsWith('gs://') || self.matches('^gs://[a-z0-9][-._a-z0-9]*(/.*)?$')",
                 "message": "must name a bucket and a path in it, such as gs://models/digits/v3/"
                },
                {
                 "rule": "!self.startsWith('hf://') || self.matches('^hf://(datasets/)?[-._A-Za-z0-9]+/[-._A-Za-z0-9]+(/[^@]*)?(@[^@]+)?$')",
                 "message": "must name an organisation and a repository of its, and may name a path in it and last a revision, such as hf://acme/minilm/onnx/model.onnx@main"
                },
                {
                 "rule": "!self.matches('%([^0-9a-fA-F]|[0-9a-fA-F][^0-9a-fA-F]|.?$)')",
                 "message": "must follow each percent sign with two hexadecimal digits; write %25 for the sign itself"
                }
               ]
              },
              "storage": {
               "type": "object",
               "description": "How to reach what the URI beside it names.",
               "properties": {
                "credentialsSecretRef": {
                 "type": "object",
                 "description": "A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value; for oci: .dockerconfigjson, as image pull secrets have it; for hf: HF_TOKEN; for gs: gcloud-application-credentials.json, a service account's key.",
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
                 "description": "The server to ask, where it is not the one that the URI implies: of s3 other than AWS; for oci a registry that speaks plain HTTP; a mirror of hf; an emulator of gs.",
                 "maxLength": 1024,
                 "pattern": "^https?://[^\\s/@]+/?$"
                },
                "region": {
                 "type": "string",
                 "maxLength": 64,
                 "pattern": "^[a-z0-9-]+$",
                 "description": "The S3 region."
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
              "label": {
               "type": "string",
               "minLength": 1,
               "maxLength": 256,
               "description": "The column, or the array of an npz file, that is to be predicted."
              },
              "features": {
               "type": "array",
               "description": "The columns that predict it, in order; absent, all but the label and the image.",
               "minItems": 1,
               "maxItems": 4096,
               "x-kubernetes-list-type": "set",
               "items": {
                "type": "string",
                "minLength": 1,
                "maxLength": 256
               }
              },
              "shape": {
               "type": "array",
               "description": "What the features of a sample become, such as [1, 28, 28]; absent, as they come.",
               "minItems": 1,
               "maxItems": 8,
               "items": {
                "type": "integer",
                "format": "int32",
                "minimum": 1,
                "maximum": 1048576
               }
              },
              "scale": {
               "type": "number",
               "default": 1,
               "minimum": -1000000,
               "maximum": 1000000,
               "description": "Every feature is multiplied by this."
              },
              "image": {
               "type": "object",
               "description": "For images.",
               "required": [
                "column",
                "height",
                "width"
               ],
               "properties": {
                "column": {
                 "type": "string",
                 "minLength": 1,
                 "maxLength": 256,
                 "description": "The column of files, relative to the data, or of encoded images."
                },
                "height": {
                 "type": "integer",
                 "format": "int32",
                 "minimum": 1,
                 "maximum": 4096,
                 "description": "In pixels; images are resized to it."
                },
                "width": {
                 "type": "integer",
                 "format": "int32",
                 "minimum": 1,
                 "maximum": 4096,
                 "description": "In pixels; images are resized to it."
                },
                "channels": {
                 "type": "integer",
                 "format": "int32",
                 "default": 3,
                 "enum": [
                  1,
                  3
                 ],
                 "description": "1: grey; 3: red, green, blue."
                }
               }
              },
              "text": {
               "type": "object",
               "description": "For text models.",
               "required": [
                "column",
                "tokenizer"
               ],
               "properties": {
                "column": {
                 "type": "string",
                 "minLength": 1,
                 "maxLength": 256,
                 "description": "The column that holds the text."
                },
                "tokenizer": {
                 "type": "string",
                 "description": "A Hugging Face tokenizer.json.",
                 "minLength": 1,
                 "maxLength": 1024,
                 "x-kubernetes-validations": [
                  {
                   "rule": "self.matches('^(s3|http|https|pvc|file|gs|hf|oci)://[^\\\\s]+$')",
                   "message": "must be a URI with one of the schemes s3, http, https, pvc, file, gs, hf, oci, such as pvc://models/start.onnx"
                  },
                  {
                   "rule": "!self.matches('^[a-z0-9]+://[^/]*@')",
                   "message": "must not carry credentials; name a Secret in credentialsSecretRef of the storage beside it"
                  },
                  {
                   "rule": "!self.startsWith('pvc://') || self.matches('^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/.*)?$')",
                   "message": "must name a PersistentVolumeClaim and a path in it, such as pvc://data/digits.csv"
                  },
                  {
                   "rule": "!self.matches('^(pvc|file)://.*/\\\\.\\\\.(/|$)')",
                   "message": "must not hold a '..' segment"
                  },
                  {
                   "rule": "!self.startsWith('oci://') || self.matches('^oci://[^/@]+/[a-z0-9][-._/a-z0-9]*(:[a-zA-Z0-9_][-.a-zA-Z0-9_]{0,127})?(@sha256:[0-9a-f]{64})?$')",
                   "message": "must name a registry, a repository in lower case, and a tag or a digest in it, such as oci://registry.example.com/models/digits:v3"
                  },
                  {
                   "rule": "!self.startsWith('gs://') || self.matches('^gs://[a-z0-9][-._a-z0-9]*(/.*)?$')",
                   "message": "must name a bucket and a path in it, such as gs://models/digits/v3/"
                  },
                  {
                   "rule": "!self.startsWith('hf://') || self.matches('^hf://(datasets/)?[-._A-Za-z0-9]+/[-._A-Za-z0-9]+(/[^@]*)?(@[^@]+)?$')",
                   "message": "must name an organisation and a repository of its, and may name a path in it and last a revision, such as hf://acme/minilm/onnx/model.onnx@main"
                  },
                  {
                   "rule": "!self.matches('%([^0-9a-fA-F]|[0-9a-fA-F][^0-9a-fA-F]|.?$)')",
                   "message": "must follow each percent sign with two hexadecimal digits; write %25 for the sign itself"
                  }
                 ]
                },
                "maxLength": {
                 "type": "integer",
                 "format": "int32",
                 "default": 128,
                 "minimum": 1,
                 "maximum": 8192,
                 "description": "In tokens; longer texts are cut."
                }
               }
              },
              "validationSplit": {
               "type": "number",
               "default": 0.1,
               "minimum": 0,
               "maximum": 0.5,
               "description": "The share that drives early stopping and \"best\"."
              },
              "testSplit": {
               "type": "number",
               "default": 0.1,
               "minimum": 0,
               "maximum": 0.5,
               "description": "The share that drives acceptance, seen once."
              },
              "maxBadRows": {
               "type": "integer",
               "format": "int64",
               "default": 0,
               "minimum": 0,
               "maximum": 9007199254740991,
               "description": "How many rows may be left out because a value in them is missing or malformed."
              }
             }
            },
            "loss": {
             "type": "string",
             "description": "What is made small.",
             "enum": [
              "CrossEntropy",
              "MeanSquaredError"
             ]
            },
            "metrics": {
             "type": "array",
             "description": "What is measured beside the loss.",
             "default": [],
             "maxItems": 8,
             "x-kubernetes-list-type": "set",
             "items": {
              "type": "string",
              "maxLength": 64,
              "enum": [
               "accuracy",
               "f1",
               "meanAbsoluteError",
               "meanSquaredError",
               "r2"
              ]
             }
            },
            "optimizer": {
             "type": "object",
             "description": "How weights follow gradients.",
             "default": {},
             "properties": {
              "name": {
               "type": "string",
               "default": "Adam",
               "enum": [
                "SGD",
                "Momentum",
                "Nesterov",
                "Adagrad",
                "Adam",
                "AdamW"
               ],
               "description": "The rule."
              },
              "learningRate": {
               "type": "number",
               "default": 0.001,
               "minimum": 0,
               "maximum": 100,
               "description": "The size of a step."
              },
              "weightDecay": {
               "type": "number",
               "default": 0,
               "minimum": 0,
               "maximum": 1,
               "description": "Decoupled for AdamW; for the others it is added to the gradient."
              },
              "momentum": {
               "type": "number",
               "default": 0.9,
               "minimum": 0,
               "maximum": 1,
               "description": "Of Momentum and Nesterov."
              },
              "beta1": {
               "type": "number",
               "default": 0.9,
               "minimum": 0,
               "maximum": 0.999999,
               "description": "Of Adam and AdamW."
              },
              "beta2": {
               "type": "number",
               "default": 0.999,
               "minimum": 0,
               "maximum": 0.999999,
               "description": "Of Adam and AdamW."
              },
              "epsilon": {
               "type": "number",
               "default": 1e-8,
               "minimum": 0,
               "maximum": 1,
               "description": "Of Adagrad, Adam and AdamW."
              },
              "clipNorm": {
               "type": "number",
               "minimum": 0.000001,
               "maximum": 1000000,
               "description": "Gradients whose norm over all weights is larger are scaled down to it; absent, they are left as they are."
              },
              "schedule": {
               "type": "object",
               "description": "How the learning rate changes over the steps.",
               "default": {},
               "properties": {
                "name": {
                 "type": "string",
                 "default": "Constant",
                 "enum": [
                  "Constant",
                  "Linear",
                  "Cosine"
                 ],
                 "description": "The curve, down to 0 at the last step."
                },
                "warmupSteps": {
                 "type": "integer",
                 "format": "int32",
                 "default": 0,
                 "minimum": 0,
                 "maximum": 1000000,
                 "description": "Steps over which it first rises from 0."
                }
               }
              }
             }
            },
            "epochs": {
             "type": "integer",
             "format": "int32",
             "default": 10,
             "minimum": 1,
             "maximum": 100000,
             "description": "How often every sample is seen."
            },
            "batchSize": {
             "type": "integer",
             "format": "int32",
             "default": 128,
             "minimum": 1,
             "maximum": 1048576,
             "description": "Samples in a step, over all workers."
            },
            "gradientShards": {
             "type": "integer",
             "format": "int32",
             "default": 8,
             "minimum": 1,
             "maximum": 1024,
             "description": "The unit of work, of re-assignment and of ordered summation."
            },
            "seed": {
             "type": "integer",
             "format": "int64",
             "default": 1,
             "minimum": 0,
             "maximum": 9007199254740991,
             "description": "Of every random choice."
            },
            "earlyStopping": {
             "type": "object",
             "description": "Stops when validation no longer gets better.",
             "properties": {
              "patience": {
               "type": "integer",
               "format": "int32",
               "default": 3,
               "minimum": 1,
               "maximum": 1000,
               "description": "Epochs to wait for a better one."
              }
             }
            }
           }
          },
          "containers": {
           "type": "object",
           "description": "Your own containers, for PyTorch, TensorFlow or anything else.",
           "required": [
            "worker"
           ],
           "x-kubernetes-validations": [
            {
             "rule": "self == oldSelf",
             "message": "spec.containers cannot change; create another TrainingJob"
            }
           ],
           "properties": {
            "framework": {
             "type": "string",
             "default": "Plain",
             "enum": [
              "Plain",
              "PyTorch",
              "TensorFlow"
             ],
             "description": "Which variables tell a pod of its peers."
            },
            "worker": {
             "type": "object",
             "description": "The pod of a worker.",
             "required": [
              "image"
             ],
             "properties": {
              "image": {
               "type": "string",
               "minLength": 1,
               "maxLength": 1024,
               "description": "The container's image."
              },
              "command": {
               "type": "array",
               "description": "Instead of the image's entry point.",
               "maxItems": 64,
               "items": {
                "type": "string",
                "maxLength": 4096
               }
              },
              "args": {
               "type": "array",
               "description": "Instead of the image's arguments.",
               "maxItems": 64,
               "items": {
                "type": "string",
                "maxLength": 4096
               }
              },
              "env": {
               "type": "array",
               "description": "Variables of the container.",
               "maxItems": 64,
               "x-kubernetes-list-type": "map",
               "x-kubernetes-list-map-keys": [
                "name"
               ],
               "items": {
                "type": "object",
                "required": [
                 "name"
                ],
                "properties": {
                 "name": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 256,
                  "description": "The variable's name."
                 },
                 "value": {
                  "type": "string",
                  "maxLength": 8192,
                  "description": "Its value."
                 },
                 "secretKeyRef": {
                  "type": "object",
                  "description": "Takes it from an object in the same namespace.",
                  "required": [
                   "name",
                   "key"
                  ],
                  "properties": {
                   "name": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 253,
                    "description": "The object's name."
                   },
                   "key": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 253,
                    "description": "The key in it."
                   }
                  }
                 },
                 "configMapKeyRef": {
                  "type": "object",
                  "description": "Takes it from an object in the same namespace.",
                  "required": [
                   "name",
                   "key"
                  ],
                  "properties": {
                   "name": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 253,
                    "description": "The object's name."
                   },
                   "key": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 253,
                    "description": "The key in it."
                   }
                  }
                 }
                }
               }
              }
             }
            },
            "parameterServer": {
             "type": "object",
             "description": "The pod of a parameter server.",
             "required": [
              "image"
             ],
             "properties": {
              "image": {
               "type": "string",
               "minLength": 1,
               "maxLength": 1024,
               "description": "The container's image."
              },
              "command": {
               "type": "array",
               "description": "Instead of the image's entry point.",
               "maxItems": 64,
               "items": {
                "type": "string",
                "maxLength": 4096
               }
              },
              "args": {
               "type": "array",
               "description": "Instead of the image's arguments.",
               "maxItems": 64,
               "items": {
                "type": "string",
                "maxLength": 4096
               }
              },
              "env": {
               "type": "array",
               "description": "Variables of the container.",
               "maxItems": 64,
               "x-kubernetes-list-type": "map",
               "x-kubernetes-list-map-keys": [
                "name"
               ],
               "items": {
                "type": "object",
                "required": [
                 "name"
                ],
                "properties": {
                 "name": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 256,
                  "description": "The variable's name."
                 },
                 "value": {
                  "type": "string",
                  "maxLength": 8192,
                  "description": "Its value."
                 },
                 "secretKeyRef": {
                  "type": "object",
                  "description": "Takes it from an object in the same namespace.",
                  "required": [
                   "name",
                   "key"
                  ],
                  "properties": {
                   "name": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 253,
                    "description": "The object's name."
                   },
                   "key": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 253,
                    "description": "The key in it."
                   }
                  }
                 },
                 "configMapKeyRef": {
                  "type": "object",
                  "description": "Takes it from an object in the same namespace.",
                  "required": [
                   "name",
                   "key"
                  ],
                  "properties": {
                   "name": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 253,
                    "description": "The object's name."
                   },
                   "key": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 253,
                    "description": "The key in it."
                   }
                  }
                 }
                }
               }
              }
             }
            }
           }
          },
          "parameterServers": {
           "type": "object",
           "description": "The pods that hold the weights.",
           "default": {},
           "x-kubernetes-validations": [
            {
             "rule": "self == oldSelf",
             "message": "spec.parameterServers cannot change; create another TrainingJob"
            }
           ],
           "properties": {
            "replicas": {
             "type": "integer",
             "format": "int32",
             "default": 1,
             "minimum": 0,
             "maximum": 64,
             "description": "How many."
            },
            "resources": {
             "type": "object",
             "description": "Compute resources of each, as in any container.",
             "x-kubernetes-validations": [
              {
               "rule": "!has(self.requests) || !has(self.limits) || self.requests.all(k, !(k in self.limits) || quantity(string(self.requests[k])).compareTo(quantity(string(self.limits[k]))) <= 0)",
               "message": "a request must not be above the limit of the same resource; lower the request or raise the limit",
               "fieldPath": ".requests"
              },
              {
               "rule": "!has(self.requests) || self.requests.all(k, !(k.contains('/') || k.startsWith('hugepages-')) || (has(self.limits) && k in self.limits && quantity(string(self.requests[k])).compareTo(quantity(string(self.limits[k]))) >= 0))",
               "message": "extended resources and huge pages are asked for in limits; leave them out of requests, or name the same amount in both",
               "fieldPath": ".requests"
              }
             ],
             "properties": {
              "requests": {
               "type": "object",
               "description": "What the scheduler sets aside.",
               "maxProperties": 32,
               "x-kubernetes-validations": [
                {
                 "rule": "self.all(k, k in ['cpu', 'memory', 'ephemeral-storage'] || k.matches('^hugepages-[1-9][0-9]*[KMG]i$') || (!k.startsWith('requests.') && k.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$')))",
                 "message": "must name resources of containers: cpu, memory, ephemeral-storage, huge pages such as hugepages-2Mi, or extended resources such as nvidia.com/gpu"
                },
                {
                 "rule": "self.all(k, !k.contains('/') || string(self[k]).matches('^[0-9]+([kMGTPE]|[KMGTPE]i)?$'))",
                 "message": "extended resources, those with a / in their name, come whole; write a whole number of them, such as 1 or 2k"
                }
               ],
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
                "description": "A quantity such as 2, 500m or 1.5Gi.",
                "pattern": "^(0|[1-9][0-9]*)(\\.[0-9]+)?([KMGTPE]i|[mkMGTPE])?$",
                "maxLength": 24,
                "minimum": 0
               }
              },
              "limits": {
               "type": "object",
               "description": "What the container may use at most.",
               "maxProperties": 32,
               "x-kubernetes-validations": [
                {
                 "rule": "self.all(k, k in ['cpu', 'memory', 'ephemeral-storage'] || k.matches('^hugepages-[1-9][0-9]*[KMG]i$') || (!k.startsWith('requests.') && k.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$')))",
                 "message": "must name resources of containers: cpu, memory, ephemeral-storage, huge pages such as hugepages-2Mi, or extended resources such as nvidia.com/gpu"
                },
                {
                 "rule": "self.all(k, !k.contains('/') || string(self[k]).matches('^[0-9]+([kMGTPE]|[KMGTPE]i)?$'))",
                 "message": "extended resources, those with a / in their name, come whole; write a whole number of them, such as 1 or 2k"
                }
               ],
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
                "description": "A quantity such as 2, 500m or 1.5Gi.",
                "pattern": "^(0|[1-9][0-9]*)(\\.[0-9]+)?([KMGTPE]i|[mkMGTPE])?$",
                "maxLength": 24,
                "minimum": 0
               }
              }
             }
            },
            "podTemplate": {
             "type": "object",
             "description": "Settings of the pods beyond the fields above; nothing here can leave the restricted Pod Security Standard.",
             "properties": {
              "metadata": {
               "type": "object",
               "description": "Labels and annotations to add to the pods.",
               "properties": {
                "labels": {
                 "type": "object",
                 "description": "Labels to add; those of Modelyard cannot be replaced.",
                 "maxProperties": 64,
                 "x-kubernetes-validations": [
                  {
                   "rule": "self.all(k, size(k) <= 253 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$'))",
                   "message": "every key must be a name such as team or example.com/team"
                  }
                 ],
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
                 "x-kubernetes-validations": [
                  {
                   "rule": "self.all(k, size(k) <= 253 && k.matches('^([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?(\\\\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$'))",
                   "message": "every key must be a name such as team or example.com/team"
                  }
                 ],
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
               "x-kubernetes-validations": [
                {
                 "rule": "self.all(k, size(k) <= 253 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$'))",
                 "message": "every key must be a name such as team or example.com/team"
                }
               ],
               "additionalProperties": {
                "type": "string",
                "maxLength": 63,
                "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
               }
              },
              "tolerations": {
               "type": "array",
               "description": "Taints the pods tolerate. Of nodes that are not ready or unreachable they tolerate 30 s unless this says otherwise.",
               "maxItems": 32,
               "items": {
                "type": "object",
                "x-kubernetes-validations": [
                 {
                  "rule": "!has(self.value) || self.value == '' || !has(self.operator) || self.operator != 'Exists'",
                  "message": "a value goes with the operator Equal; leave it out beside Exists",
                  "fieldPath": ".value"
                 },
                 {
                  "rule": "(has(self.key) && self.key != '') || (has(self.operator) && self.operator == 'Exists')",
                  "message": "name a key, or set the operator to Exists to tolerate every taint"
                 },
                 {
                  "rule": "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
                  "message": "tolerationSeconds go with the effect NoExecute; set it, or leave the seconds out",
                  "fieldPath": ".tolerationSeconds"
                 }
                ],
                "properties": {
                 "key": {
                  "type": "string",
                  "maxLength": 253,
                  "pattern": "^(([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$",
                  "description": "A name such as example.com/team; absent with Exists, every taint is meant."
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
                  "maxLength": 63,
                  "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
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
              "priorityClassName": {
               "type": "string",
               "maxLength": 253,
               "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$",
               "description": "The pods' priority class."
              },
              "runtimeClassName": {
               "type": "string",
               "maxLength": 253,
               "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
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
               "x-kubernetes-list-type": "map",
               "x-kubernetes-list-map-keys": [
                "name"
               ],
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
               "description": "The identities the pods run under; all must be other than root. Volumes are written by fsGroup.",
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
              }
             }
            }
           }
          },
          "workers": {
           "type": "object",
           "description": "The pods that compute gradients.",
           "default": {},
           "x-kubernetes-validations": [
            {
             "rule": "has(self.accelerator) == has(oldSelf.accelerator) && (!has(self.accelerator) || self.accelerator == oldSelf.accelerator)",
             "message": "spec.workers.accelerator cannot change; create another TrainingJob",
             "fieldPath": ".accelerator"
            },
            {
             "rule": "has(self.resources) == has(oldSelf.resources) && (!has(self.resources) || self.resources == oldSelf.resources)",
             "message": "spec.workers.resources cannot change; create another TrainingJob",
             "fieldPath": ".resources"
            },
            {
             "rule": "has(self.podTemplate) == has(oldSelf.podTemplate) && (!has(self.podTemplate) || self.podTemplate == oldSelf.podTemplate)",
             "message": "spec.workers.podTemplate cannot change; create another TrainingJob",
             "fieldPath": ".podTemplate"
            },
            {
             "rule": "!has(self.accelerator) || !has(self.resources) || !has(self.resources.limits) || !(self.accelerator.resource in self.resources.limits)",
             "message": "set the accelerator in spec.workers.accelerator or in spec.workers.resources.limits, not in both",
             "fieldPath": ".accelerator"
            }
           ],
           "properties": {
            "replicas": {
             "type": "integer",
             "format": "int32",
             "description": "How many; it may change while the job runs. Beyond spec.train.gradientShards they have nothing to do.",
             "default": 1,
             "minimum": 1,
             "maximum": 1024
            },
            "accelerator": {
             "type": "object",
             "description": "The device each worker gets.",
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
               "default": 1,
               "minimum": 1,
               "maximum": 64,
               "description": "How many of them."
              }
             }
            },
            "resources": {
             "type": "object",
             "description": "Compute resources of each, as in any container.",
             "x-kubernetes-validations": [
              {
               "rule": "!has(self.requests) || !has(self.limits) || self.requests.all(k, !(k in self.limits) || quantity(string(self.requests[k])).compareTo(quantity(string(self.limits[k]))) <= 0)",
               "message": "a request must not be above the limit of the same resource; lower the request or raise the limit",
               "fieldPath": ".requests"
              },
              {
               "rule": "!has(self.requests) || self.requests.all(k, !(k.contains('/') || k.startsWith('hugepages-')) || (has(self.limits) && k in self.limits && quantity(string(self.requests[k])).compareTo(quantity(string(self.limits[k]))) >= 0))",
               "message": "extended resources and huge pages are asked for in limits; leave them out of requests, or name the same amount in both",
               "fieldPath": ".requests"
              }
             ],
             "properties": {
              "requests": {
               "type": "object",
               "description": "What the scheduler sets aside.",
               "maxProperties": 32,
               "x-kubernetes-validations": [
                {
                 "rule": "self.all(k, k in ['cpu', 'memory', 'ephemeral-storage'] || k.matches('^hugepages-[1-9][0-9]*[KMG]i$') || (!k.startsWith('requests.') && k.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$')))",
                 "message": "must name resources of containers: cpu, memory, ephemeral-storage, huge pages such as hugepages-2Mi, or extended resources such as nvidia.com/gpu"
                },
                {
                 "rule": "self.all(k, !k.contains('/') || string(self[k]).matches('^[0-9]+([kMGTPE]|[KMGTPE]i)?$'))",
                 "message": "extended resources, those with a / in their name, come whole; write a whole number of them, such as 1 or 2k"
                }
               ],
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
                "description": "A quantity such as 2, 500m or 1.5Gi.",
                "pattern": "^(0|[1-9][0-9]*)(\\.[0-9]+)?([KMGTPE]i|[mkMGTPE])?$",
                "maxLength": 24,
                "minimum": 0
               }
              },
              "limits": {
               "type": "object",
               "description": "What the container may use at most.",
               "maxProperties": 32,
               "x-kubernetes-validations": [
                {
                 "rule": "self.all(k, k in ['cpu', 'memory', 'ephemeral-storage'] || k.matches('^hugepages-[1-9][0-9]*[KMG]i$') || (!k.startsWith('requests.') && k.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$')))",
                 "message": "must name resources of containers: cpu, memory, ephemeral-storage, huge pages such as hugepages-2Mi, or extended resources such as nvidia.com/gpu"
                },
                {
                 "rule": "self.all(k, !k.contains('/') || string(self[k]).matches('^[0-9]+([kMGTPE]|[KMGTPE]i)?$'))",
                 "message": "extended resources, those with a / in their name, come whole; write a whole number of them, such as 1 or 2k"
                }
               ],
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
                "description": "A quantity such as 2, 500m or 1.5Gi.",
                "pattern": "^(0|[1-9][0-9]*)(\\.[0-9]+)?([KMGTPE]i|[mkMGTPE])?$",
                "maxLength": 24,
                "minimum": 0
               }
              }
             }
            },
            "podTemplate": {
             "type": "object",
             "description": "Settings of the pods beyond the fields above; nothing here can leave the restricted Pod Security Standard.",
             "properties": {
              "metadata": {
               "type": "object",
               "description": "Labels and annotations to add to the pods.",
               "properties": {
                "labels": {
                 "type": "object",
                 "description": "Labels to add; those of Modelyard cannot be replaced.",
                 "maxProperties": 64,
                 "x-kubernetes-validations": [
                  {
                   "rule": "self.all(k, size(k) <= 253 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$'))",
                   "message": "every key must be a name such as team or example.com/team"
                  }
                 ],
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
                 "x-kubernetes-validations": [
                  {
                   "rule": "self.all(k, size(k) <= 253 && k.matches('^([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?(\\\\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$'))",
                   "message": "every key must be a name such as team or example.com/team"
                  }
                 ],
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
               "x-kubernetes-validations": [
                {
                 "rule": "self.all(k, size(k) <= 253 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$'))",
                 "message": "every key must be a name such as team or example.com/team"
                }
               ],
               "additionalProperties": {
                "type": "string",
                "maxLength": 63,
                "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
               }
              },
              "tolerations": {
               "type": "array",
               "description": "Taints the pods tolerate. Of nodes that are not ready or unreachable they tolerate 30 s unless this says otherwise.",
               "maxItems": 32,
               "items": {
                "type": "object",
                "x-kubernetes-validations": [
                 {
                  "rule": "!has(self.value) || self.value == '' || !has(self.operator) || self.operator != 'Exists'",
                  "message": "a value goes with the operator Equal; leave it out beside Exists",
                  "fieldPath": ".value"
                 },
                 {
                  "rule": "(has(self.key) && self.key != '') || (has(self.operator) && self.operator == 'Exists')",
                  "message": "name a key, or set the operator to Exists to tolerate every taint"
                 },
                 {
                  "rule": "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
                  "message": "tolerationSeconds go with the effect NoExecute; set it, or leave the seconds out",
                  "fieldPath": ".tolerationSeconds"
                 }
                ],
                "properties": {
                 "key": {
                  "type": "string",
                  "maxLength": 253,
                  "pattern": "^(([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$",
                  "description": "A name such as example.com/team; absent with Exists, every taint is meant."
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
                  "maxLength": 63,
                  "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
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
              "priorityClassName": {
               "type": "string",
               "maxLength": 253,
               "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$",
               "description": "The pods' priority class."
              },
              "runtimeClassName": {
               "type": "string",
               "maxLength": 253,
               "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
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
               "x-kubernetes-list-type": "map",
               "x-kubernetes-list-map-keys": [
                "name"
               ],
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
               "description": "The identities the pods run under; all must be other than root. Volumes are written by fsGroup.",
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
              }
             }
            }
           }
          },
          "transport": {
           "type": "object",
           "description": "Mutual TLS between the roles; absent, the NetworkPolicy alone keeps others out.",
           "required": [
            "tlsSecretRef"
           ],
           "x-kubernetes-validations": [
            {
             "rule": "self == oldSelf",
             "message": "cannot change; create another TrainingJob"
            }
           ],
           "properties": {
            "tlsSecretRef": {
             "type": "object",
             "description": "A Secret in the same namespace with tls.crt, tls.key and ca.crt.",
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
            }
           }
          },
          "consistency": {
           "type": "object",
           "description": "How far workers may run ahead of each other.",
           "default": {
            "mode": "Synchronous"
           },
           "x-kubernetes-validations": [
            {
             "rule": "self == oldSelf",
             "message": "spec.consistency cannot change; create another TrainingJob"
            },
            {
             "rule": "(self.mode == 'Bounded') == has(self.staleness)",
             "message": "is for the mode Bounded, which needs it",
             "fieldPath": ".staleness"
            }
           ],
           "properties": {
            "mode": {
             "type": "string",
             "default": "Synchronous",
             "enum": [
              "Synchronous",
              "Bounded",
              "Asynchronous"
             ],
             "description": "The rule."
            },
            "staleness": {
             "type": "integer",
             "format": "int32",
             "minimum": 1,
             "maximum": 1024,
             "description": "Steps between the fastest and the slowest worker, with Bounded."
            }
           }
          },
          "checkpoint": {
           "type": "object",
           "description": "What survives the loss of every pod.",
           "default": {},
           "x-kubernetes-validations": [
            {
             "rule": "self == oldSelf",
             "message": "spec.checkpoint cannot change; create another TrainingJob"
            },
            {
             "rule": "!has(self.storage) || has(self.uri)",
             "message": "belongs to spec.checkpoint.uri; without one, checkpoints lie beside the output",
             "fieldPath": ".storage"
            }
           ],
           "properties": {
            "uri": {
             "type": "string",
             "description": "The folder to write to; absent, .checkpoints/NAMESPACE/NAME below spec.output.uri.",
             "minLength": 1,
             "maxLength": 1024,
             "x-kubernetes-validations": [
              {
               "rule": "self.matches('^(s3|http|https|pvc|file|gs|hf|oci)://[^\\\\s]+$')",
               "message": "must be a URI with one of the schemes s3, http, https, pvc, file, gs, hf, oci, such as pvc://models/start.onnx"
              },
              {
               "rule": "!self.matches('^[a-z0-9]+://[^/]*@')",
               "message": "must not carry credentials; name a Secret in credentialsSecretRef of the storage beside it"
              },
              {
               "rule": "!self.startsWith('pvc://') || self.matches('^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/.*)?$')",
               "message": "must name a PersistentVolumeClaim and a path in it, such as pvc://data/digits.csv"
              },
              {
               "rule": "!self.matches('^(pvc|file)://.*/\\\\.\\\\.(/|$)')",
               "message": "must not hold a '..' segment"
              },
              {
               "rule": "!self.startsWith('oci://') || self.matches('^oci://[^/@]+/[a-z0-9][-._/a-z0-9]*(:[a-zA-Z0-9_][-.a-zA-Z0-9_]{0,127})?(@sha256:[0-9a-f]{64})?$')",
               "message": "must name a registry, a repository in lower case, and a tag or a digest in it, such as oci://registry.example.com/models/digits:v3"
              },
              {
               "rule": "!self.startsWith('gs://') || self.matches('^gs://[a-z0-9][-._a-z0-9]*(/.*)?$')",
               "message": "must name a bucket and a path in it, such as gs://models/digits/v3/"
              },
              {
               "rule": "!self.startsWith('hf://') || self.matches('^hf://(datasets/)?[-._A-Za-z0-9]+/[-._A-Za-z0-9]+(/[^@]*)?(@[^@]+)?$')",
               "message": "must name an organisation and a repository of its, and may name a path in it and last a revision, such as hf://acme/minilm/onnx/model.onnx@main"
              },
              {
               "rule": "!self.matches('%([^0-9a-fA-F]|[0-9a-fA-F][^0-9a-fA-F]|.?$)')",
               "message": "must follow each percent sign with two hexadecimal digits; write %25 for the sign itself"
              }
             ]
            },
            "storage": {
             "type": "object",
             "description": "How to reach what the URI beside it names.",
             "properties": {
              "credentialsSecretRef": {
               "type": "object",
               "description": "A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value; for oci: .dockerconfigjson, as image pull secrets have it; for hf: HF_TOKEN; for gs: gcloud-application-credentials.json, a service account's key.",
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
               "description": "The server to ask, where it is not the one that the URI implies: of s3 other than AWS; for oci a registry that speaks plain HTTP; a mirror of hf; an emulator of gs.",
               "maxLength": 1024,
               "pattern": "^https?://[^\\s/@]+/?$"
              },
              "region": {
               "type": "string",
               "maxLength": 64,
               "pattern": "^[a-z0-9-]+$",
               "description": "The S3 region."
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
            "every": {
             "type": "integer",
             "format": "int32",
             "default": 500,
             "minimum": 1,
             "maximum": 1000000,
             "description": "In steps."
            },
            "keep": {
             "type": "integer",
             "format": "int32",
             "default": 3,
             "minimum": 1,
             "maximum": 100,
             "description": "How many of the newest to keep."
            }
           }
          },
          "output": {
           "type": "object",
           "description": "Where the model goes. Each accepted job adds one immutable version to the lineage.",
           "required": [
            "uri",
            "modelName"
           ],
           "x-kubernetes-validations": [
            {
             "rule": "self == oldSelf",
             "message": "spec.output cannot change; create another TrainingJob"
            }
           ],
           "properties": {
            "uri": {
             "type": "string",
             "description": "The folder that holds the lineage.",
             "minLength": 1,
             "maxLength": 1024,
             "x-kubernetes-validations": [
              {
               "rule": "self.matches('^(s3|http|https|pvc|file|gs|hf|oci)://[^\\\\s]+$')",
               "message": "must be a URI with one of the schemes s3, http, https, pvc, file, gs, hf, oci, such as pvc://models/start.onnx"
              },
              {
               "rule": "!self.matches('^[a-z0-9]+://[^/]*@')",
               "message": "must not carry credentials; name a Secret in credentialsSecretRef of the storage beside it"
              },
              {
               "rule": "!self.startsWith('pvc://') || self.matches('^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/.*)?$')",
               "message": "must name a PersistentVolumeClaim and a path in it, such as pvc://data/digits.csv"
              },
              {
               "rule": "!self.matches('^(pvc|file)://.*/\\\\.\\\\.(/|$)')",
               "message": "must not hold a '..' segment"
              },
              {
               "rule": "!self.startsWith('oci://') || self.matches('^oci://[^/@]+/[a-z0-9][-._/a-z0-9]*(:[a-zA-Z0-9_][-.a-zA-Z0-9_]{0,127})?(@sha256:[0-9a-f]{64})?$')",
               "message": "must name a registry, a repository in lower case, and a tag or a digest in it, such as oci://registry.example.com/models/digits:v3"
              },
              {
               "rule": "!self.startsWith('gs://') || self.matches('^gs://[a-z0-9][-._a-z0-9]*(/.*)?$')",
               "message": "must name a bucket and a path in it, such as gs://models/digits/v3/"
              },
              {
               "rule": "!self.startsWith('hf://') || self.matches('^hf://(datasets/)?[-._A-Za-z0-9]+/[-._A-Za-z0-9]+(/[^@]*)?(@[^@]+)?$')",
               "message": "must name an organisation and a repository of its, and may name a path in it and last a revision, such as hf://acme/minilm/onnx/model.onnx@main"
              },
              {
               "rule": "!self.matches('%([^0-9a-fA-F]|[0-9a-fA-F][^0-9a-fA-F]|.?$)')",
               "message": "must follow each percent sign with two hexadecimal digits; write %25 for the sign itself"
              }
             ]
            },
            "storage": {
             "type": "object",
             "description": "How to reach what the URI beside it names.",
             "properties": {
              "credentialsSecretRef": {
               "type": "object",
               "description": "A Secret in the same namespace. Keys for s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN; for http(s): HTTP_AUTHORIZATION, the whole header value; for oci: .dockerconfigjson, as image pull secrets have it; for hf: HF_TOKEN; for gs: gcloud-application-credentials.json, a service account's key.",
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
               "description": "The server to ask, where it is not the one that the URI implies: of s3 other than AWS; for oci a registry that speaks plain HTTP; a mirror of hf; an emulator of gs.",
               "maxLength": 1024,
               "pattern": "^https?://[^\\s/@]+/?$"
              },
              "region": {
               "type": "string",
               "maxLength": 64,
               "pattern": "^[a-z0-9-]+$",
               "description": "The S3 region."
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
            "modelName": {
             "type": "string",
             "description": "The lineage's name, which spec.model.trained.name of a ModelDeployment follows.",
             "minLength": 1,
             "maxLength": 63,
             "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
            }
           }
          },
          "acceptance": {
           "type": "object",
           "description": "What the trained model must reach on the test split; below it the model is kept, and never served.",
           "required": [
            "metric"
           ],
           "x-kubernetes-validations": [
            {
             "rule": "has(self.atLeast) != has(self.atMost)",
             "message": "set exactly one of spec.acceptance.atLeast and spec.acceptance.atMost"
            }
           ],
           "properties": {
            "metric": {
             "type": "string",
             "minLength": 1,
             "maxLength": 64,
             "description": "loss or one of spec.train.metrics."
            },
            "atLeast": {
             "type": "number",
             "description": "For metrics where more is better."
            },
            "atMost": {
             "type": "number",
             "description": "For metrics where less is better."
            }
           }
          },
          "runPolicy": {
           "type": "object",
           "description": "How the job runs.",
           "default": {},
           "properties": {
            "suspend": {
             "type": "boolean",
             "default": false,
             "description": "Stops the pods and keeps the last checkpoint."
            },
            "backoffLimit": {
             "type": "integer",
             "format": "int32",
             "default": 6,
             "minimum": 0,
             "maximum": 1000,
             "description": "Failures of containers without a step in between before the job fails; pods that are evicted, preempted, deleted or lost with their node do not count."
            },
            "activeDeadlineSeconds": {
             "type": "integer",
             "format": "int64",
             "minimum": 1,
             "maximum": 31536000,
             "description": "The longest it may run; the time it is suspended does not count."
            },
            "ttlSecondsAfterFinished": {
             "type": "integer",
             "format": "int32",
             "minimum": 0,
             "maximum": 2147483647,
             "description": "When to delete it once it is over; not before 10 s, so that ModelDeployments hear of it."
            },
            "queueName": {
             "type": "string",
             "minLength": 1,
             "maxLength": 253,
             "description": "The queue of an admission controller such as Kueue."
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
          "phase": {
           "type": "string",
           "enum": [
            "Pending",
            "Starting",
            "Running",
            "Restarting",
            "Suspending",
            "Suspended",
            "Succeeded",
            "Failed"
           ],
           "description": "In one word."
          },
          "step": {
           "type": "integer",
           "format": "int64",
           "description": "Steps done."
          },
          "epoch": {
           "type": "integer",
           "format": "int64",
           "description": "Epochs begun."
          },
          "progress": {
           "type": "string",
           "maxLength": 16,
           "description": "Steps done of all steps, such as 42%."
          },
          "loss": {
           "type": "string",
           "maxLength": 32,
           "description": "Training loss, the mean over the last steps."
          },
          "score": {
           "type": "string",
           "maxLength": 64,
           "description": "On the test split, once: the acceptance metric, else the first of spec.train.metrics, else the loss."
          },
          "metrics": {
           "type": "object",
           "description": "On the validation split, after the last epoch: loss and each metric.",
           "maxProperties": 16,
           "additionalProperties": {
            "type": "string",
            "maxLength": 32
           }
          },
          "samplesPerSecond": {
           "type": "string",
           "maxLength": 32,
           "description": "Over all workers."
          },
          "estimatedCompletionTime": {
           "type": "string",
           "format": "date-time",
           "description": "If it goes on like this."
          },
          "recomputedSteps": {
           "type": "integer",
           "format": "int64",
           "description": "Steps that were computed more than once because a parameter server was lost."
          },
          "checkpointStep": {
           "type": "integer",
           "format": "int64",
           "description": "Steps done that the newest complete checkpoint holds."
          },
          "rows": {
           "type": "integer",
           "format": "int64",
           "description": "Rows of the data."
          },
          "badRows": {
           "type": "integer",
           "format": "int64",
           "description": "Rows that were left out because a value in them is missing or malformed."
          },
          "history": {
           "type": "array",
           "description": "The loss curve, downsampled; the full one lies beside the output.",
           "maxItems": 64,
           "items": {
            "type": "object",
            "required": [
             "step",
             "loss"
            ],
            "properties": {
             "step": {
              "type": "integer",
              "format": "int64",
              "description": "Steps done."
             },
             "loss": {
              "type": "string",
              "maxLength": 32,
              "description": "The mean training loss since the point before."
             },
             "validationLoss": {
              "type": "string",
              "maxLength": 32,
              "description": "The validation loss there, where it was measured."
             }
            }
           }
          },
          "parameterServers": {
           "type": "object",
           "description": "Their pods.",
           "properties": {
            "desired": {
             "type": "integer",
             "format": "int32",
             "description": "As the spec says."
            },
            "created": {
             "type": "integer",
             "format": "int32",
             "description": "Pods with a lower number have existed since the job began or was resumed; one that is missing was lost."
            },
            "ready": {
             "type": "integer",
             "format": "int32",
             "description": "At work."
            },
            "restarts": {
             "type": "integer",
             "format": "int32",
             "description": "Containers that ended with a failure since the job began."
            },
            "evictions": {
             "type": "integer",
             "format": "int32",
             "description": "Pods that were replaced since the job began: evicted, preempted, deleted, or lost with their node."
            },
            "former": {
             "type": "object",
             "description": "The part of restarts and evictions that belongs to pods which are no longer wanted.",
             "properties": {
              "restarts": {
               "type": "integer",
               "format": "int32"
              },
              "evictions": {
               "type": "integer",
               "format": "int32"
              }
             }
            }
           }
          },
          "workers": {
           "type": "object",
           "description": "Their pods.",
           "properties": {
            "desired": {
             "type": "integer",
             "format": "int32",
             "description": "As the spec says."
            },
            "created": {
             "type": "integer",
             "format": "int32",
             "description": "Pods with a lower number have existed since the job began or was resumed; one that is missing was lost."
            },
            "ready": {
             "type": "integer",
             "format": "int32",
             "description": "At work."
            },
            "restarts": {
             "type": "integer",
             "format": "int32",
             "description": "Containers that ended with a failure since the job began."
            },
            "evictions": {
             "type": "integer",
             "format": "int32",
             "description": "Pods that were replaced since the job began: evicted, preempted, deleted, or lost with their node."
            },
            "former": {
             "type": "object",
             "description": "The part of restarts and evictions that belongs to pods which are no longer wanted.",
             "properties": {
              "restarts": {
               "type": "integer",
               "format": "int32"
              },
              "evictions": {
               "type": "integer",
               "format": "int32"
              }
             }
            }
           }
          },
          "backoff": {
           "type": "object",
           "description": "From where spec.runPolicy.backoffLimit counts.",
           "properties": {
            "step": {
             "type": "integer",
             "format": "int64",
             "description": "The most steps that were ever done."
            },
            "restarts": {
             "type": "integer",
             "format": "int32",
             "description": "Restarts of all pods when that step was done."
            }
           }
          },
          "image": {
           "type": "string",
           "maxLength": 1024,
           "description": "The runtime image that the job began with; all its pods take it, so that all results come from one program."
          },
          "output": {
           "type": "object",
           "description": "What came of it.",
           "properties": {
            "uri": {
             "type": "string",
             "maxLength": 1024,
             "description": "Where the model lies."
            },
            "completionTime": {
             "type": "string",
             "format": "date-time",
             "description": "When the job first ended so: applied again, it keeps its place among the versions of the lineage."
            },
            "digest": {
             "type": "string",
             "maxLength": 71,
             "description": "Its content, sha256:HEX."
            },
            "accepted": {
             "type": "boolean",
             "description": "Whether it may be served."
            },
            "specHash": {
             "type": "string",
             "maxLength": 71,
             "description": "The hash of the spec that made it."
            },
            "dataDigest": {
             "type": "string",
             "maxLength": 71,
             "description": "The hash of the data that made it."
            },
            "testMetrics": {
             "type": "object",
             "description": "On the test split: loss and each metric.",
             "maxProperties": 16,
             "additionalProperties": {
              "type": "string",
              "maxLength": 32
             }
            }
           }
          },
          "startTime": {
           "type": "string",
           "format": "date-time",
           "description": "When the first pods were created."
          },
          "activeTime": {
           "type": "string",
           "format": "date-time",
           "description": "When the pods were last created after none were wanted; absent while the job is suspended."
          },
          "activeSeconds": {
           "type": "integer",
           "format": "int64",
           "description": "How long it ran before activeTime."
          },
          "completionTime": {
           "type": "string",
           "format": "date-time",
           "description": "When it was over."
          },
          "conditions": {
           "type": "array",
           "description": "Running, Complete, Failed, Suspended, Checkpointed, TransportSecured and Accepted, and while they are true Degraded and Stalled, each with the reason and what to do about it.",
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
