import {
  createFileRegistry,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMethod,
  type JsonValue,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { invalid, RequestError } from '../../errors.ts';
import { limits } from '../limits.ts';
import { descriptorSet } from './descriptors.gen.ts';
import type { UnaryMethod } from './transport.ts';

/** What runtime/proto declares of services and their messages. */
export const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(descriptorSet, 'base64')));

/** Throws Error where there is no such method. */
export function methodOf(service: string, name: string): DescMethod {
  const method = registry.getService(service)?.methods.find((candidate) => candidate.name === name);
  if (!method) throw new Error(`no method ${service}/${name}`);
  return method;
}

/** As a call names it. */
export const pathOf = ({ parent, name }: DescMethod): string => `/${parent.typeName}/${name}`;

/** A request as JSON under the names of its fields. Throws RequestError where the bytes are no such message, or more than one is. */
export function readRequest({ input }: DescMethod, bytes: Uint8Array): unknown {
  if (bytes.byteLength > limits.plainMessageBytes)
    throw new RequestError(
      'TooLarge',
      `the message is larger than the ${limits.plainMessageBytes} bytes that are allowed`,
    );
  try {
    return toJson(input, fromBinary(input, bytes, { readUnknownFields: false }), {
      useProtoFieldName: true,
      alwaysEmitImplicit: true,
    });
  } catch {
    throw invalid('the message is not valid protobuf');
  }
}

/** @param answer as JSON under the names of its fields */
export function writeAnswer({ output }: DescMethod, answer: object): Uint8Array {
  return toBinary(output, fromJson(output, answer as JsonValue));
}

/** A method that reads and writes JSON. */
export function jsonMethod(
  method: DescMethod,
  answer: (request: unknown) => object | Promise<object>,
): Record<string, UnaryMethod> {
  return {
    [pathOf(method)]: async (bytes) => [writeAnswer(method, await answer(readRequest(method, bytes)))],
  };
}
