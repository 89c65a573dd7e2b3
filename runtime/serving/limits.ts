/** Bounds that protect the answering process, whatever the deployment says. */
export const limits = {
  /** Of one request, REST body or gRPC message. */
  requestBytes: 64 * 1024 * 1024,
  /** Of all requests that wait for the model. */
  queueBytes: 256 * 1024 * 1024,
  /** Of one gRPC answer; REST answers have none. */
  grpcAnswerBytes: 256 * 1024 * 1024,
  /** After this, varied by a tenth, a gRPC client is asked to connect again. */
  grpcConnectionAgeMs: 60_000,
  /** How long a model may take to load. */
  loadTimeoutMs: 600_000,
} as const;
