/** `node classify.ts HOST MODEL IMAGE`: asks the model over REST and over gRPC, and prints both answers as JSON. */
import { readFileSync } from 'node:fs';
import { ModelClient } from '../../../client/model-client.ts';

const [host = '', model = '', image = ''] = process.argv.slice(2);
const body = readFileSync(image);
const rest = ModelClient.rest(`http://${host}`, { model });
const grpc = ModelClient.grpc(`${host}:9000`, { model });
console.log(JSON.stringify({ rest: await rest.predict(body), grpc: await grpc.predict(body) }));
await Promise.all([rest.close(), grpc.close()]);
