/** A node of a CRD's OpenAPI v3 schema: the structural subset that Kubernetes allows, and that this project uses. */
export interface Schema {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  description?: string;
  format?: string;
  default?: unknown;
  enum?: readonly unknown[];
  nullable?: boolean;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  required?: readonly string[];
  properties?: Readonly<Record<string, Schema>>;
  additionalProperties?: Schema;
  items?: Schema;
  anyOf?: readonly Schema[];
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: readonly string[];
  'x-kubernetes-map-type'?: 'atomic' | 'granular';
  'x-kubernetes-validations'?: readonly ValidationRule[];
}

/** A CEL rule; `self` is the value it stands on, `oldSelf` the one before an update. */
export interface ValidationRule {
  rule: string;
  message: string;
  /** The offending field below the value, such as `.accelerator`. */
  fieldPath?: string;
}

/** What this project reads of a CustomResourceDefinition. */
export interface Crd {
  metadata: { name: string };
  spec: {
    group: string;
    names: { kind: string; plural: string; singular: string; shortNames?: readonly string[] };
    versions: readonly { name: string; schema: { openAPIV3Schema: Schema } }[];
  };
}
