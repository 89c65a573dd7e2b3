/**
 * Usage: post-pods KUBECONFIG FILE CLIENTS. Posts the pods of a JSON file, a list, as so many plain clients, each one pod after the other: the
 * fastest that anybody could create them.
 */
import { readFile } from 'node:fs/promises';
import type { KubeObject } from '../operator/kube/object.ts';
import { HttpClient } from '../operator/kube/http-client.ts';
import { connect } from '../operator/kube/kube-config.ts';

const [path = '', file = '', clients = ''] = process.argv.slice(2);
const pods = JSON.parse(await readFile(file, 'utf8')) as KubeObject[];
const client = new HttpClient(await connect({ path }), { fieldManager: 'bench' });
const last = pods.pop();
// The first call learns what the API server has, which a client does once in its life.
if (last !== undefined) await client.create(last);
console.log(Date.now());
await Promise.all(
  Array.from({ length: Number(clients) }, async () => {
    for (let pod = pods.pop(); pod !== undefined; pod = pods.pop()) await client.create(pod);
  }),
);
await client.close();
