import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { tlsFiles } from '../../contract.ts';
import { TrainingFailure } from '../../errors.ts';

const files = { cert: tlsFiles.certificate, key: tlsFiles.key, ca: tlsFiles.ca };

/**
 * This pod's certificate and the authority that all pods of the job trust. Read again for every connection, for certificates are renewed
 * while a job runs.
 */
export interface TlsIdentity {
  /** For both ends of a connection. Throws TrainingFailure `InvalidTransportSecret`. */
  options(): SecureContextOptions;
}

export function tlsIdentity(folder: string): TlsIdentity {
  let last: { key: string; options: SecureContextOptions } | undefined;
  return {
    options: () => {
      const read = Object.fromEntries(Object.entries(files).map(([option, name]) => [option, readPem(folder, name)]));
      const key = JSON.stringify(read);
      if (last?.key !== key) last = { key, options: checked({ ...read, minVersion: 'TLSv1.3' }) };
      return last.options;
    },
  };
}

function readPem(folder: string, name: string): string {
  try {
    return readFileSync(join(folder, name), 'utf8');
  } catch {
    throw invalid(`it has no ${name}`);
  }
}

/** Tries the files once, so that what is wrong with them is said here and not by each connection. */
function checked(options: SecureContextOptions): SecureContextOptions & { secureContext: SecureContext } {
  try {
    return { ...options, secureContext: createSecureContext(options) };
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
}

function invalid(what: string): TrainingFailure {
  return new TrainingFailure({
    reason: 'InvalidTransportSecret',
    message: `the Secret of spec.transport.tlsSecretRef cannot be used: ${what}; it must hold tls.crt, tls.key and ca.crt in PEM, as cert-manager makes them`,
    retrying: false,
  });
}
