/** Bounds that protect the answering process, whatever the deployment says. */
export const limits = {
  /** Of one request, REST body or gRPC message. */
  requestBytes: 64 * 1024 * 1024,
  /** Of the JSON of one request, which is parsed at a stretch; larger tensors go as binary data. */
  jsonBytes: 8 * 1024 * 1024,
  /** Objects and arrays in it. */
  jsonContainers: 100_000,
  /** Dimensions of a tensor. */
  rank: 32,
  /** Elements in the typed contents of one gRPC message, all tensors together; more go as raw contents. */
  typedElements: 1_000_000,
  /** Inputs, outputs, parameters or raw contents, each, of one gRPC message. */
  messageItems: 1_000,
  /** Fields of one gRPC message besides the elements of typed contents. */
  messageFields: 20_000,
  /** Images of one request. */
  images: 64,
  /** Of what these images become for the model. */
  imageTensorBytes: 256 * 1024 * 1024,
  /** Texts of one request. */
  texts: 1_024,
  /** Of all of them, in UTF-8: they are split into tokens before they are cut to what the model takes. */
  textBytes: 1024 * 1024,
  /** Of all requests that wait for the model. */
  queueBytes: 256 * 1024 * 1024,
  /** Of one model, at a time. */
  explanations: 2,
  /** Instances of one. */
  explainedInstances: 64,
  /** Of its texts in UTF-8, all together. */
  explainedTextBytes: 64 * 1024,
  /** Numbers of its background. */
  backgroundNumbers: 1_000_000,
  /** Numbers that are compared where instances are held against the background. */
  comparedNumbers: 50_000_000,
  /** How long one may take. */
  explanationMs: 600_000,
  /** Of a gRPC message without tensors: decoded, it takes a hundred times as much. */
  plainMessageBytes: 64 * 1024,
  /** Elements of an output that is asked for as its highest classes. */
  classifiedElements: 1_000_000,
  /** Of one stream, at a time. */
  streamedRequests: 64,
  /** After this, varied by a tenth, a gRPC client is asked to connect again. */
  grpcConnectionAgeMs: 60_000,
  /** How long a model may take to load. */
  loadTimeoutMs: 600_000,
} as const;
