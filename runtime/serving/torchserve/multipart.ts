import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { invalid } from '../../errors.ts';

/** Parts of a form: what is beside the input is not read. */
const maxParts = 16;

export interface Part {
  content: Buffer;
  type: string;
}

/** The first part of a form that has one of these names. Rejects with RequestError where there is none, or this is no form. */
export function partOf(body: Buffer, contentType: string, names: readonly string[]): Promise<Part> {
  return new Promise((resolve, reject) => {
    const broken = (): void => reject(invalid('body: is no multipart/form-data as Content-Type says'));
    const limits = { parts: maxParts, fields: maxParts, fieldSize: body.byteLength, headerPairs: maxParts };
    let parser: BusboyInstance;
    try {
      parser = new Busboy({ headers: { 'content-type': contentType }, limits });
    } catch {
      broken();
      return;
    }
    parser.on('field', (name, value, _nameCut, _valueCut, _encoding, type) => {
      if (names.includes(name)) resolve({ content: Buffer.from(value), type });
    });
    parser.on('file', (name, stream, _filename, _encoding, type) => {
      const chunks: Buffer[] = [];
      // Of a form that ends within this file.
      stream.on('error', broken);
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        if (names.includes(name)) resolve({ content: Buffer.concat(chunks), type });
      });
    });
    parser.on('error', broken);
    parser.on('finish', () => reject(invalid(`body: has no part called ${names.join(' or ')}`)));
    parser.end(body);
  });
}
