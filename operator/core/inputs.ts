/** Where spans go, and which. */
export interface TracingSettings {
  /** Of a collector that takes OTLP over HTTP. */
  endpoint: string;
  /** Of the traces that begin here, from 0 to 1. */
  samplingRatio: number;
}

/** What the operator was configured with, as far as pods of either kind are concerned. */
export interface RuntimeInputs {
  now: Date;
  /** The image of the runtime. */
  image: string;
  imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  operatorNamespace: string;
  /** Private address ranges that a URI may name. */
  storageAllowedCidrs: readonly string[];
  /** Of the runtime. */
  logLevel: string;
  /** Absent: pods trace nothing. */
  tracing?: TracingSettings | undefined;
  /** For laptops. */
  allowFileUris: boolean;
}
