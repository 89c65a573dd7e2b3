/** The bytes are no ONNX model, or a part of it is not what the standard says. */
export class OnnxError extends Error {
  override readonly name = 'OnnxError';
  readonly code = 'InvalidModel';
}
