import { RequestError } from '../../errors.ts';
import { limits } from '../limits.ts';
import { partOf } from './multipart.ts';

/** Under which TorchServe's handlers look for the input of a request. */
const names = ['data', 'body'];

interface Content {
  content: Buffer;
  /** In lower case, without parameters; undefined where nothing says. */
  type: string | undefined;
}

const mediaType = (contentType: string | undefined): string | undefined =>
  contentType?.split(';', 1)[0]?.trim().toLowerCase();

/** The input of a request: a field of a form, or the whole body where it is none. Rejects with RequestError. */
export async function splitFields(body: Buffer, contentType: string | undefined): Promise<Content> {
  const type = mediaType(contentType);
  if (type === 'multipart/form-data') {
    const part = await partOf(body, contentType ?? '', names);
    return { content: part.content, type: mediaType(part.type) };
  }
  // curl -d says so of whatever it sends.
  if (type === 'application/x-www-form-urlencoded') return { content: fromPairs(body), type: undefined };
  return { content: body, type };
}

function fromPairs(body: Buffer): Buffer {
  const name = names.find((known) => body.subarray(0, known.length + 1).toString('latin1') === `${known}=`);
  if (name === undefined) return body;
  if (body.byteLength > limits.jsonBytes)
    throw new RequestError(
      'TooLarge',
      `body: a form takes at most ${limits.jsonBytes} bytes; send the input by itself`,
    );
  return Buffer.from(new URLSearchParams(body.toString()).get(name) ?? '');
}
