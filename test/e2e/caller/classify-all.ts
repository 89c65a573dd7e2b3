/** `node classify-all.ts HOST MODEL FOLDER`: asks the model over REST about each image, and prints the best label of each as JSON. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelClient } from '../../../client/model-client.ts';

const [host = '', model = '', folder = ''] = process.argv.slice(2);
const client = ModelClient.rest(`http://${host}`, { model });
const labels: Record<string, string | undefined> = {};
for (const file of readdirSync(folder)) {
  const [best] = await client.predict(readFileSync(join(folder, file)));
  labels[file] = best?.label;
}
console.log(JSON.stringify(labels));
await client.close();
