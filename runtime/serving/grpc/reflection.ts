import { toBinary, type DescFile } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { methodOf, pathOf, readRequest, registry, writeAnswer } from './definitions.ts';
import { grpcStatus } from './status.ts';
import type { GrpcMethods, StreamMethod } from './transport.ts';

/** Asks for one of these. */
interface ReflectionRequest {
  file_by_filename?: string;
  file_containing_symbol?: string;
  file_containing_extension?: object;
  all_extension_numbers_of_type?: string;
  list_services?: string;
}

/**
 * gRPC's reflection service, as v1 and as v1alpha, whose messages are the same: tools learn the services and their messages
 * from it.
 */
export function reflectionMethods(): GrpcMethods['streams'] {
  const method = methodOf('grpc.reflection.v1.ServerReflection', 'ServerReflectionInfo');
  const answerAll: StreamMethod = async (requests, _call, send) => {
    for await (const bytes of requests) {
      const request = readRequest(method, bytes) as ReflectionRequest;
      await send([writeAnswer(method, { original_request: request, ...answer(request) })]);
    }
  };
  const path = pathOf(method);
  return { [path]: answerAll, [path.replace('.v1.', '.v1alpha.')]: answerAll };
}

function answer(request: ReflectionRequest): object {
  const { file_by_filename: name, file_containing_symbol: symbol, all_extension_numbers_of_type: extended } = request;
  if (name !== undefined) return described(fileNamed(name), name);
  if (symbol !== undefined) return described(fileOf(symbol), symbol);
  if (extended !== undefined) {
    const type = registry.getMessage(extended);
    return type ? { all_extension_numbers_response: { base_type_name: type.typeName } } : unknown(extended);
  }
  if (request.list_services !== undefined) {
    const services = [...registry].filter(({ kind }) => kind === 'service');
    return { list_services_response: { service: services.map(({ typeName }) => ({ name: typeName })) } };
  }
  if (request.file_containing_extension) return unknown('the extension');
  return failure(grpcStatus.INVALID_ARGUMENT, 'the request asks for nothing');
}

const fileNamed = (name: string): DescFile | undefined => [...registry.files].find(({ proto }) => proto.name === name);

/** Of a type, a service, or what is declared inside of one. */
function fileOf(symbol: string): DescFile | undefined {
  const type = registry.get(symbol) ?? registry.get(symbol.slice(0, Math.max(0, symbol.lastIndexOf('.'))));
  return type?.file;
}

function described(file: DescFile | undefined, wanted: string): object {
  if (!file) return unknown(wanted);
  const files = new Set([file, ...imports(file)]);
  return {
    file_descriptor_response: {
      file_descriptor_proto: [...files].map(({ proto }) =>
        Buffer.from(toBinary(FileDescriptorProtoSchema, proto)).toString('base64'),
      ),
    },
  };
}

const imports = ({ dependencies }: DescFile): DescFile[] => dependencies.flatMap((file) => [file, ...imports(file)]);

const unknown = (wanted: string): object => failure(grpcStatus.NOT_FOUND, `${wanted.slice(0, 200)} is not known here`);

const failure = (code: number, message: string): object => ({
  error_response: { error_code: code, error_message: message },
});
