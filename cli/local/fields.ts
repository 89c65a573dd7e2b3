/**
 * Field ownership, as far as server-side apply needs it: which leaves a manager set, how an intent is merged into the
 * live object, and what goes when a manager stops setting it.
 *
 * Lists merge by key where Kubernetes declares keys (`listKeys`), and are replaced as a whole elsewhere. Selectors are
 * atomic, as in Kubernetes.
 */

type Json = unknown;
type JsonMap = Record<string, Json>;

interface ListRule {
  keys: string[];
  defaults?: Record<string, string>;
}

/** Field name of a list → the fields that identify its items. Defaults stand in for a key that is absent. */
const listKeys: Record<string, ListRule> = {
  conditions: { keys: ['type'] },
  containers: { keys: ['name'] },
  env: { keys: ['name'] },
  imagePullSecrets: { keys: ['name'] },
  initContainers: { keys: ['name'] },
  ownerReferences: { keys: ['uid'] },
  topologySpreadConstraints: { keys: ['topologyKey', 'whenUnsatisfiable'] },
  volumeMounts: { keys: ['mountPath'] },
  volumes: { keys: ['name'] },
};
const servicePortKeys: ListRule = { keys: ['port', 'protocol'], defaults: { protocol: 'TCP' } };
const containerPortKeys: ListRule = { keys: ['containerPort', 'protocol'], defaults: { protocol: 'TCP' } };
const atomicMaps = new Set(['matchLabels', 'selector', 'nodeSelector', 'podSelector', 'namespaceSelector']);

const isMap = (value: Json): value is JsonMap => typeof value === 'object' && value !== null && !Array.isArray(value);

/** How the items of this list are told apart; undefined: the list is one value. */
function itemKey(field: string, list: Json[]): ((item: JsonMap) => string) | undefined {
  if (list.length === 0 || !list.every(isMap)) return undefined;
  const ports = 'containerPort' in (list[0] ?? {}) ? containerPortKeys : servicePortKeys;
  const rule = field === 'ports' && !list.every((item) => 'endPort' in item) ? ports : listKeys[field];
  if (rule === undefined || !list.every((item) => rule.keys.some((key) => key in item))) return undefined;
  return (item) => JSON.stringify(rule.keys.map((key) => item[key] ?? rule.defaults?.[key] ?? null));
}

const step = (path: string, name: string): string => `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** Paths of everything `value` sets: scalars, empty maps, atomic values, and the membership of keyed list items. */
export function leaves(value: Json, field = '', path = '', into: Set<string> = new Set<string>()): Set<string> {
  if (isMap(value) && Object.keys(value).length > 0 && !atomicMaps.has(field)) {
    for (const [name, child] of Object.entries(value)) leaves(child, name, step(path, name), into);
    return into;
  }
  const key = Array.isArray(value) ? itemKey(field, value) : undefined;
  if (Array.isArray(value) && key !== undefined) {
    for (const item of value as JsonMap[]) {
      const at = step(path, `[${key(item)}]`);
      into.add(at);
      leaves(item, '', at, into);
    }
    return into;
  }
  return into.add(path);
}

/** `live` with everything that `intent` sets. Neither is changed. */
export function merge(live: Json, intent: Json, field = ''): Json {
  if (isMap(live) && isMap(intent) && !atomicMaps.has(field)) {
    const merged: JsonMap = { ...live };
    for (const [name, value] of Object.entries(intent)) merged[name] = merge(live[name], value, name);
    return merged;
  }
  if (Array.isArray(live) && Array.isArray(intent)) {
    const [liveKey, intentKey] = [itemKey(field, live as Json[]), itemKey(field, intent as Json[])];
    if (liveKey !== undefined && intentKey !== undefined) {
      const had = new Map((live as JsonMap[]).map((item) => [liveKey(item), item]));
      const set = (intent as JsonMap[]).map((item) => {
        const key = intentKey(item);
        const old = had.get(key);
        had.delete(key);
        return old === undefined ? item : merge(old, item);
      });
      return [...set, ...had.values()];
    }
  }
  return intent;
}

/** `live` without the leaves in `gone`; maps and lists that become empty by that go too. Undefined: nothing is left. */
export function prune(live: Json, gone: ReadonlySet<string>, field = '', path = ''): Json {
  if (gone.has(path)) return undefined;
  if (isMap(live) && !atomicMaps.has(field)) {
    const kept: JsonMap = {};
    let removed = false;
    for (const [name, value] of Object.entries(live)) {
      const next = prune(value, gone, name, step(path, name));
      if (next === undefined) removed = true;
      else kept[name] = next;
    }
    return removed && Object.keys(kept).length === 0 ? undefined : kept;
  }
  const key = Array.isArray(live) ? itemKey(field, live as Json[]) : undefined;
  if (Array.isArray(live) && key !== undefined) {
    const kept = (live as JsonMap[])
      .map((item) => prune(item, gone, '', step(path, `[${key(item)}]`)))
      .filter((item) => item !== undefined);
    return kept.length === 0 && live.length > 0 ? undefined : kept;
  }
  return live;
}

/** Drops from `paths` whatever `others` still set, be it the same leaf or something beneath it. */
export function unowned(paths: Iterable<string>, others: readonly ReadonlySet<string>[]): Set<string> {
  const result = new Set<string>();
  for (const path of paths) {
    const below = `${path}/`;
    const held = others.some((set) => set.has(path) || [...set].some((other) => other.startsWith(below)));
    if (!held) result.add(path);
  }
  return result;
}
