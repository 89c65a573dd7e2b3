import type { GradientBuilder } from '../gradient-builder.ts';

/**
 * Applies the transpose of a linear map along one axis. The matrix of the map is what the map makes of an identity
 * matrix, so nothing of how it works is written here again; ONNX Runtime computes it once, as it depends on no input.
 *
 * @param size of the axis before the map
 * @param map along the first axis of a matrix
 */
export function transposedMap(
  graph: GradientBuilder,
  gradient: string,
  axis: number,
  rank: number,
  size: number,
  map: (identity: string) => string,
): string {
  const identity = new Float32Array(size * size);
  for (let index = 0; index < size; index++) identity[index * (size + 1)] = 1;
  const matrix = map(graph.floats([size, size], identity));
  const last = rank - 1;
  if (axis === last) return graph.matmul(gradient, matrix);
  if (axis === last - 1) return graph.matmul(matrix, gradient, { transA: true });
  // The axis changes places with the last one.
  const perm = Array.from({ length: rank }, (_, index) => (index === axis ? last : index === last ? axis : index));
  return graph.transpose(graph.matmul(graph.transpose(gradient, perm), matrix), perm);
}
