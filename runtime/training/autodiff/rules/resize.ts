import type { Gradients, Operation, Rule } from '../operation.ts';
import { transposedMap } from './linear-map.ts';

/** Resizing is a linear map along each axis, one after the other. */
function resized(operation: Operation, gradient: string): Gradients {
  const { graph, node } = operation;
  const rank = operation.rank(0);
  if (operation.text('coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize') {
    throw operation.refusal('crops', 'crop with Slice before it');
  }
  if (operation.text('keep_aspect_ratio_policy', 'stretch') !== 'stretch') {
    throw operation.refusal('keeps the aspect ratio', 'export it with scales');
  }
  const axes = operation.ints('axes')?.map((axis) => (axis < 0 ? axis + rank : axis));
  const scales = operation.constant(2) ?? [];
  const sizes = graph.shape(operation.output(0));
  const attribute = node.attribute.filter(({ name }) => name !== 'axes');
  let result = gradient;
  for (const [axis, size] of operation.shape(0).entries()) {
    const scale = scales[axes ? axes.indexOf(axis) : axis] ?? 1;
    if (scales.length > 0 ? scale === 1 : size === sizes[axis]) continue;
    const length = operation.size(0, axis);
    const target =
      scales.length > 0
        ? ['', graph.floats([2], Float32Array.of(scale, 1))]
        : ['', '', graph.ints([Number(sizes[axis]), length])];
    result = transposedMap(graph, result, axis, rank, length, (identity) =>
      graph.addLike({ ...node, attribute }, [identity, ...target]),
    );
  }
  return [result];
}

export const resizeRule: Rule = { settings: [1, 2, 3], gradients: resized };
