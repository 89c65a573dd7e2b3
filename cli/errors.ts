export type CliErrorCode =
  | 'BadFile'
  | 'BadInput'
  | 'InvalidObject'
  | 'MissingReference'
  | 'NoPodAddress'
  | 'NoSession'
  | 'NotFound'
  | 'NotReady'
  | 'Refused'
  | 'SessionRunning'
  | 'UnsupportedKind';

/** Something the person at the keyboard can put right: shown as its message, without a stack. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
