import * as v from 'valibot';
import { clientCertificates, servingEnv, type ClientCertificates, type OidcSettings } from './contract.ts';
import { EnvironmentReader, type Environment } from './environment.ts';
import { ConfigurationError } from './errors.ts';

/** Who may call and how connections are made; without any of it everybody may, in the clear. */
export interface AccessConfig {
  /** Where the Secret of API keys is mounted. */
  apiKeysDir: string | undefined;
  oidc: OidcConfig | undefined;
  tls: TlsConfig | undefined;
}

export interface OidcConfig extends OidcSettings {
  /** PEM. */
  ca: string | undefined;
}

export interface TlsConfig {
  /** Where the Secret with certificate and key is mounted. */
  dir: string;
  clientCertificates: ClientCertificates;
  /** Where `ca.crt` lies that signs clients. */
  clientCaDir: string;
}

const httpsUrl = v.pipe(
  v.string(),
  v.check((text) => URL.canParse(text) && new URL(text).protocol === 'https:'),
);

const oidcSettings = v.object({
  issuer: httpsUrl,
  audiences: v.pipe(v.array(v.pipe(v.string(), v.minLength(1))), v.minLength(1)),
  jwksUri: v.exactOptional(httpsUrl),
  requiredClaims: v.exactOptional(v.record(v.string(), v.string())),
});

/** Throws ConfigurationError that names the variable and the cure. */
export function readAccessConfig(environment: Environment): AccessConfig {
  const read = new EnvironmentReader(environment);
  const tlsDir = read.optional(servingEnv.tlsDir);
  const oidc = read.optional(servingEnv.oidc);
  return {
    apiKeysDir: read.optional(servingEnv.apiKeysDir),
    oidc: oidc === undefined ? undefined : { ...readOidc(oidc), ca: read.optional(servingEnv.oidcCa) },
    tls:
      tlsDir === undefined
        ? undefined
        : {
            dir: tlsDir,
            clientCertificates: read.oneOf(servingEnv.clientCertificates, clientCertificates, 'None'),
            clientCaDir: read.optional(servingEnv.clientCaDir) ?? tlsDir,
          },
  };
}

function readOidc(text: string): OidcSettings {
  try {
    return v.parse(oidcSettings, JSON.parse(text));
  } catch {
    throw new ConfigurationError(
      `${servingEnv.oidc} is not valid; set it to JSON with an https issuer and audiences, such as {"issuer":"https://login.example.com","audiences":["modelyard"]}`,
    );
  }
}
