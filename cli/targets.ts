import type { KubeObject, ResourceKind } from '../operator/kube/object.ts';
import { CliError } from './errors.ts';
import { targetNamed } from './kinds.ts';
import { ask } from './session-client.ts';

/**
 * The one object of the running session that `text` names, `NAME` or `KIND/NAME`, among these kinds.
 *
 * @throws CliError UnsupportedKind, NotFound, BadInput where several kinds have the name, NoSession
 */
export async function objectNamed(
  folder: string,
  text: string,
  namespace: string,
  kinds: readonly ResourceKind[],
): Promise<KubeObject> {
  const { kind, name } = targetNamed(text);
  const wanted = kinds.filter((each) => kind === undefined || each.kind === kind.kind);
  const names = kinds.map((each) => each.kind).join(' or ');
  if (wanted.length === 0) throw new CliError('BadInput', `${text}: name a ${names}`);
  const lists = await Promise.all(wanted.map((each) => ask(folder, { method: 'list', kind: each, namespace })));
  const [found, ...others] = lists.flat().filter(({ metadata }) => metadata.name === name);
  if (found === undefined) {
    const what = wanted.map((each) => each.kind).join(' or ');
    const cure = `see: modelyard get ${wanted.map(({ plural }) => plural).join(',')}`;
    throw new CliError('NotFound', `no ${what} "${name}" in namespace ${namespace}; ${cure}`);
  }
  if (others.length === 0) return found;
  const choices = [found, ...others].map((object) => `${object.kind.toLowerCase()}/${name}`).join(' or ');
  throw new CliError('BadInput', `"${name}" names several objects; say ${choices}`);
}
