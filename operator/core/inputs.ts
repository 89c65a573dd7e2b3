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
  /** For laptops. */
  allowFileUris: boolean;
}
