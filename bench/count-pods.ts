/**
 * Usage: count-pods KUBECONFIG NAMESPACE COUNT. Watches the pods of a namespace and prints `ready`, and then the time, in
 * milliseconds since the epoch, at which it saw the COUNTth: in a process of its own, so that whoever makes them has no say in it.
 */
import { HttpClient } from '../operator/kube/http-client.ts';
import { connect } from '../operator/kube/kube-config.ts';
import { podKind } from '../operator/controllers/kinds.ts';

const [path = '', namespace = '', count = ''] = process.argv.slice(2);
const client = new HttpClient(await connect({ path }), { fieldManager: 'bench' });
const stop = new AbortController();
const names = new Set<string>();
for (let isFirst = true; names.size < Number(count); isFirst = false) {
  const { items, resourceVersion } = await client.list(podKind, { namespace });
  for (const { metadata } of items) names.add(metadata.name);
  if (isFirst) console.log('ready');
  // An API server cuts off whoever reads more slowly than pods are made; what was missed is in the next list.
  for await (const { type, object } of client.watch(podKind, {
    namespace,
    resourceVersion,
    timeoutSeconds: 600,
    signal: stop.signal,
  })) {
    if (type === 'ADDED') names.add(object.metadata.name);
    if (names.size >= Number(count)) break;
  }
}
console.log(Date.now());
stop.abort();
await client.close();
