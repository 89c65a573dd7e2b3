/** A flag or variable of the operator that does not make a configuration; the message names it and the cure. */
export class OperatorConfigError extends Error {
  override readonly name = 'OperatorConfigError';
  readonly code = 'BadConfiguration';
}
