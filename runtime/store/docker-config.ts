import { looseObject, optional, record, safeParse, string } from 'valibot';
import { denied } from './errors.ts';

const schema = looseObject({
  auths: optional(
    record(
      string(),
      looseObject({ username: optional(string()), password: optional(string()), auth: optional(string()) }),
    ),
    {},
  ),
});

/**
 * The credentials of a repository in what a Secret of type kubernetes.io/dockerconfigjson holds, as `USER:PASSWORD` in base64.
 * Of several that fit, the one with the longest path. Undefined where there are none. Throws StoreError.
 */
export function registryCredentials(
  config: string,
  registry: string,
  repository: string,
  shown: string,
): string | undefined {
  const parsed = safeParse(schema, jsonOf(config));
  if (!parsed.success) {
    throw denied(
      `${shown}: .dockerconfigjson in the credentials Secret is no configuration of registries: it is JSON such as ` +
        '{"auths": {"REGISTRY": {"username": …, "password": …}}}. Create it by `kubectl create secret docker-registry`.',
    );
  }
  const [best] = Object.entries(parsed.output.auths)
    .flatMap(([name, entry]) => {
      const [host = '', ...path] = nameOf(name).split('/');
      const prefix = path.join('/');
      const isInside = prefix === '' || repository === prefix || repository.startsWith(`${prefix}/`);
      return matches(host, registry) && isInside ? [{ prefix, entry }] : [];
    })
    .sort((a, b) => b.prefix.length - a.prefix.length);
  if (best === undefined) return undefined;
  const { username = '', password = '', auth } = best.entry;
  if (auth !== undefined && auth !== '') return auth;
  return username === '' ? undefined : Buffer.from(`${username}:${password}`).toString('base64');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Names of registries are URLs in old files, and Docker Hub has several. */
function nameOf(name: string): string {
  const bare = name.replace(/^https?:\/\//, '').replace(/\/(v[12]\/?)?$/, '');
  return bare.replace(/^(index\.|registry-1\.)?docker\.io/, 'docker.io');
}

/** A `*` stands for one label of a name, as the kubelet has it. */
function matches(pattern: string, registry: string): boolean {
  const [ours, theirs] = [pattern.split('.'), registry.split('.')];
  return ours.length === theirs.length && ours.every((label, index) => label === '*' || label === theirs[index]);
}
