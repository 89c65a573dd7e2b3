/** Why a test cluster could not be had; the message names the cure. */
export class ClusterError extends Error {
  readonly code:
    'GoMissing' | 'BuildFailed' | 'NotRoot' | 'PackageMissing' | 'ProcessEnded' | 'NotReady' | 'CommandFailed';

  constructor(code: ClusterError['code'], message: string) {
    super(message);
    this.name = 'ClusterError';
    this.code = code;
  }
}
