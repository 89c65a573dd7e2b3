import type { Gradients, Operation, Rule } from '../operation.ts';

/** The elements stay in their order. */
const reshaped: Rule = {
  gradients: (operation, gradient) => [operation.graph.reshapeLike(gradient, operation.input(0))],
};

function transposed(operation: Operation, gradient: string): Gradients {
  const rank = operation.rank(0);
  const perm = operation.ints('perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  const inverse = perm.map((_, axis) => perm.indexOf(axis));
  return [operation.graph.transpose(gradient, inverse)];
}

function concatenated(operation: Operation, gradient: string): Gradients {
  const { graph, inputs } = operation;
  const axis = operation.axis('axis', 0);
  const sizes = inputs.map((_, index) => operation.size(index, axis));
  const parts = graph.addMany('Split', [gradient, graph.ints(sizes)], inputs.length, { axis: { int: axis } });
  return parts.map((part, index) => (operation.needs(index) ? part : undefined));
}

function split(operation: Operation, gradients: Gradients): Gradients {
  const { graph } = operation;
  const parts = operation.node.output.map((name, index) => gradients[index] ?? graph.zerosLike(name));
  return [graph.apply('Concat', parts, { axis: { int: operation.axis('axis', 0) } })];
}

function expanded(operation: Operation, gradient: string): Gradients {
  return [operation.graph.unbroadcast(gradient, operation.output(0), operation.input(0))];
}

/** Each axis becomes two: the repetitions, which are summed over, and the elements that are repeated. */
function tiled(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const repeats = operation.constant(1) ?? [];
  const shape: number[] = [];
  const axes: number[] = [];
  for (const [axis, size] of operation.shape(0).entries()) {
    const times = repeats[axis] ?? 1;
    if (times !== 1) {
      axes.push(shape.length);
      shape.push(times);
    }
    shape.push(axis === 0 && typeof size !== 'number' ? -1 : operation.size(0, axis));
  }
  return [graph.reduce('ReduceSum', graph.reshape(gradient, shape), axes, false)];
}

/** Blocks of a × b pixels in the depth, and the same pixels in the plane. */
function depthToSpace(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const block = operation.int('blocksize', 1);
  if (operation.text('mode', 'DCR') === 'DCR') {
    return [graph.add('SpaceToDepth', [gradient], { blocksize: { int: block } })];
  }
  const [channels, height, width] = [operation.size(0, 1), operation.size(0, 2), operation.size(0, 3)];
  const apart = graph.reshape(gradient, [-1, channels / (block * block), height, block, width, block]);
  return [graph.reshape(graph.transpose(apart, [0, 1, 3, 5, 2, 4]), [-1, channels, height, width])];
}

export const shapeRules: Readonly<Record<string, Rule>> = {
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: { gradients: transposed },
  Concat: { gradients: concatenated },
  Split: { gradientsOfAll: split },
  Expand: { gradients: expanded },
  Tile: { gradients: tiled },
  DepthToSpace: { gradients: depthToSpace },
  SpaceToDepth: {
    gradients: (operation, gradient) => {
      const blocksize = { int: operation.int('blocksize', 1) };
      return [operation.graph.add('DepthToSpace', [gradient], { blocksize })];
    },
  },
};
