/**
 * For the environment of a process before it loads CUDA: products of float32 are computed in float32. NVIDIA's libraries would round their
 * inputs to 10 bits of fraction (TF32), which ONNX Runtime asks for unless told otherwise, and its binding for Node cannot tell.
 */
export const exactProducts = { NVIDIA_TF32_OVERRIDE: '0' } as const;
