import { isReady, type FrontOptions } from '../front-options.ts';
import { infer } from '../inference-request.ts';
import { limits } from '../limits.ts';
import { modelVersion } from '../model-repository.ts';
import { modelConfig, modelMetadata, modelStatistics, repositoryIndex, serverMetadata } from '../protocol.ts';
import { observed, type Protocol } from '../observed-request.ts';
import { release } from '../release.ts';
import type { ServedModel } from '../served-model.ts';
import { jsonMethod, methodOf } from './definitions.ts';
import { grpcRequest } from './request.ts';
import { failureOf, grpcStatusOf } from './status.ts';
import type { GrpcAnswer, GrpcCall, GrpcMethods, StreamMethod } from './transport.ts';
import { inferResponse, readInferRequest, streamedFailure, streamedResponse, type GrpcInferRequest } from './wire.ts';

interface ModelReference {
  name: string;
  version: string;
}

/** What the methods that exchange JSON are asked. */
interface Requests {
  ServerLive: object;
  ServerReady: object;
  ServerMetadata: object;
  ModelReady: ModelReference;
  ModelMetadata: ModelReference;
  ModelConfig: ModelReference;
  ModelStatistics: ModelReference;
  RepositoryIndex: { ready: boolean };
  RepositoryModelLoad: { model_name: string; parameters: object };
  RepositoryModelUnload: { model_name: string };
}

export const inferenceService = 'inference.GRPCInferenceService';

/** The Open Inference Protocol over gRPC, with its extensions. */
export function inferenceMethods(options: FrontOptions): GrpcMethods {
  const { repository } = options;
  const json = <Name extends keyof Requests>(
    name: Name,
    answer: (request: Requests[Name]) => object | Promise<object>,
  ): GrpcMethods['unary'] =>
    jsonMethod(methodOf(inferenceService, name), (request) => answer(request as Requests[Name]));
  const find = ({ name, version }: ModelReference): ServedModel => repository.find(name, version);
  const findAwake = ({ name, version }: ModelReference): Promise<ServedModel> => repository.findAwake(name, version);
  return {
    unary: {
      ...json('ServerLive', () => ({ live: true })),
      ...json('ServerReady', () => ({ ready: isReady(options) })),
      ...json('ModelReady', (request) => ({ ready: isReady(options, find(request)) })),
      ...json('ServerMetadata', () => serverMetadata),
      ...json('ModelMetadata', async (request) => modelMetadata(await findAwake(request))),
      ...json('ModelConfig', async (request) => ({ config: modelConfig(await findAwake(request)) })),
      ...json('ModelStatistics', (request) =>
        modelStatistics(request.name === '' ? repository.models : [find(request)]),
      ),
      ...json('RepositoryIndex', ({ ready }) => ({ models: repositoryIndex(repository, ready) })),
      ...json('RepositoryModelLoad', async (request) => {
        await repository.load(request.model_name, Object.keys(request.parameters));
        return {};
      }),
      ...json('RepositoryModelUnload', async (request) => {
        await repository.unload(request.model_name);
        return {};
      }),
      [`/${inferenceService}/ModelInfer`]: (message, call) =>
        inferred(readInferRequest(message), message, call, options),
    },
    streams: { [`/${inferenceService}/ModelStreamInfer`]: streamedInference(options) },
  };
}

const grpc: Protocol<GrpcAnswer> = {
  name: 'grpc',
  statusOf: grpcStatusOf,
  bytesOf: (answer) => answer.reduce((sum, { byteLength }) => sum + byteLength, 0),
};

function inferred(
  message: GrpcInferRequest,
  bytes: Buffer,
  { deadline, signal, requestId, headers, clientAddress, caller }: GrpcCall,
  { repository, observers }: FrontOptions,
): Promise<GrpcAnswer> {
  const find = (): ServedModel => repository.find(message.modelName, message.modelVersion);
  const path = String(headers[':path']);
  const arrival = { path, route: path, requestId, headers, clientAddress, caller, bytesIn: bytes.byteLength, find };
  return observed(grpc, arrival, observers, async (model, timeline) => {
    await model.awake({ timeoutMs: deadline - observers.now(), signal });
    const request = grpcRequest(message, model.requireSignature().outputs, bytes.byteLength);
    const timeoutMs = Math.max(0, Math.min(request.timeoutMs ?? Infinity, deadline - observers.now()));
    const outputs = await infer(model, request, { timeoutMs, signal, timeline, onSent: () => release(bytes) });
    return inferResponse(model.name, modelVersion, message.id, outputs);
  });
}

/** Requests of one stream run as they come, and are answered in their order; a failed one does not end the stream. */
function streamedInference(options: FrontOptions): StreamMethod {
  const answer = async (bytes: Buffer, call: GrpcCall): Promise<GrpcAnswer> => {
    let id = '';
    try {
      const message = readInferRequest(bytes);
      id = message.id;
      return streamedResponse(await inferred(message, bytes, call, options));
    } catch (error) {
      return streamedFailure(failureOf(error, call.log).message, id);
    }
  };
  return async (requests, call, send) => {
    let inFlight = 0;
    let sent = Promise.resolve();
    try {
      for await (const bytes of requests) {
        const answered = answer(bytes, call);
        inFlight += 1;
        sent = sent.then(async () => {
          await send(await answered);
          inFlight -= 1;
        });
        if (inFlight >= limits.streamedRequests) await sent;
      }
    } finally {
      // Also before the stream ends for a message that could not be read.
      await sent;
    }
  };
}
