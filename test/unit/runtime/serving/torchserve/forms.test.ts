import { describe, expect, test } from '@jest/globals';
import { splitFields } from '../../../../../runtime/serving/torchserve/forms.ts';

const multipart = 'multipart/form-data; boundary=b';
const file =
  '--b\r\nContent-Disposition: form-data; name="data"; filename="a"\r\nContent-Type: Text/Plain\r\n\r\nhällo';

const split = (text: string, contentType: string): Promise<{ content: string; type: string | undefined }> =>
  splitFields(Buffer.from(text), contentType).then(({ content, type }) => ({ content: content.toString(), type }));

describe('a form', () => {
  test('has its input in a file, whose type it says', async () => {
    expect(await split(`${file}\r\n--b--\r\n`, multipart)).toEqual({ content: 'hällo', type: 'text/plain' });
  });

  test('of pairs may hold characters of any language, encoded or not', async () => {
    const urlencoded = 'application/x-www-form-urlencoded';
    const content = { content: 'größe 中', type: undefined };
    expect(await split('data=größe+中', urlencoded)).toEqual(content);
    expect(await split(`data=${encodeURIComponent('größe 中')}`, urlencoded)).toEqual(content);
  });

  test.each([
    ['within the content of a file', file],
    ['within the boundary after it', `${file}\r\n--`],
    ['within its headers', file.slice(0, 40)],
    ['before it begins', ''],
  ])('that ends %s is refused', async (_where, text) => {
    await expect(split(text, multipart)).rejects.toMatchObject({ code: 'InvalidArgument' });
  });
});
