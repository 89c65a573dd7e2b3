import type { GradientBuilder } from '../gradient-builder.ts';
import type { Gradients, Operation, Rule } from '../operation.ts';

interface GemmFlags {
  transA: boolean;
  transB: boolean;
}

const gemm = (graph: GradientBuilder, alpha: number, a: string, b: string, { transA, transB }: GemmFlags): string =>
  graph.add('Gemm', [a, b], {
    ...(alpha === 1 ? {} : { alpha: { float: alpha } }),
    ...(transA ? { transA: { int: 1 } } : {}),
    ...(transB ? { transB: { int: 1 } } : {}),
  });

/** Y = alpha A' B' + beta C, where ' stands for a transposition or none. */
function gemmGradients(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const [a, b] = [operation.input(0), operation.input(1)];
  const [alpha, beta] = [operation.float('alpha', 1), operation.float('beta', 1)];
  const [transA, transB] = [operation.int('transA', 0) !== 0, operation.int('transB', 0) !== 0];
  const ofA = (): string =>
    transA
      ? gemm(graph, alpha, b, gradient, { transA: transB, transB: true })
      : gemm(graph, alpha, gradient, b, { transA: false, transB: !transB });
  const ofB = (): string =>
    transB
      ? gemm(graph, alpha, gradient, a, { transA: true, transB: transA })
      : gemm(graph, alpha, a, gradient, { transA: !transA, transB: false });
  const ofC = (): string =>
    graph.unbroadcast(beta === 1 ? gradient : graph.times(gradient, beta), operation.output(0), operation.input(2));
  return [
    operation.needs(0) ? ofA() : undefined,
    operation.needs(1) ? ofB() : undefined,
    operation.needs(2) ? ofC() : undefined,
  ];
}

/** A vector counts as a matrix of one row on the left, and of one column on the right. */
function matMulGradients(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const [a, b] = [operation.input(0), operation.input(1)];
  const [rankA, rankB] = [operation.rank(0), operation.rank(1)];
  if (rankA === 1 || rankB === 1) return vectorGradients(operation, gradient);
  const ofA = (): string => sumOfMatrices(graph, graph.matmul(gradient, b, { transB: true }), operation, 0);
  const ofB = (): string => {
    if (rankB > 2 || rankA === 2)
      return sumOfMatrices(graph, graph.matmul(a, gradient, { transA: true }), operation, 1);
    // One product over all rows of all matrices, instead of a sum of products.
    const rowsOf = (name: string, width: number): string => graph.reshape(name, [-1, width]);
    const [inner, outer] = [operation.size(1, 0), operation.size(1, 1)];
    return gemm(graph, 1, rowsOf(a, inner), rowsOf(gradient, outer), { transA: true, transB: false });
  };
  return [operation.needs(0) ? ofA() : undefined, operation.needs(1) ? ofB() : undefined];
}

/** Undoes the broadcasting of all but the last two dimensions. */
function sumOfMatrices(graph: GradientBuilder, product: string, operation: Operation, index: number): string {
  const own = operation.shape(index).slice(0, -2);
  const whole = graph.shape(operation.output(0)).slice(0, -2);
  const added = whole.length - own.length;
  const repeated = whole.flatMap((size, axis) =>
    axis < added || (own[axis - added] === 1 && size !== 1) ? [axis] : [],
  );
  if (repeated.length === 0) return product;
  return graph.reshapeLike(graph.reduce('ReduceSum', product, repeated, false), operation.input(index));
}

function vectorGradients(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const [a, b] = [operation.input(0), operation.input(1)];
  const [isRow, isColumn] = [operation.rank(0) === 1, operation.rank(1) === 1];
  const unsqueezed = (value: string, axes: readonly number[]): string =>
    axes.length === 0 ? value : graph.add('Unsqueeze', [value, graph.ints(axes)]);
  const left = isRow ? unsqueezed(a, [0]) : a;
  const right = isColumn ? unsqueezed(b, [1]) : b;
  const whole = unsqueezed(gradient, isRow && isColumn ? [0, 1] : isColumn ? [-1] : [-2]);
  const matrices = (value: string, rank: number): string => {
    const excess = Math.max(operation.rank(0), operation.rank(1)) - rank;
    const axes = Array.from({ length: Math.max(0, excess) }, (_, axis) => axis);
    return graph.reduce('ReduceSum', value, axes, false);
  };
  const ofA = (): string => {
    const product = graph.matmul(whole, right, { transB: true });
    return isRow ? graph.reshapeLike(matrices(product, 2), a) : product;
  };
  const ofB = (): string => {
    const product = graph.matmul(left, whole, { transA: true });
    return isColumn ? graph.reshapeLike(matrices(product, 2), b) : product;
  };
  return [operation.needs(0) ? ofA() : undefined, operation.needs(1) ? ofB() : undefined];
}

/** The gradient of an operand is the product of the output's gradient and the other operand, with the labels swapped. */
function einsumGradients(operation: Operation, gradient: string): Gradients {
  const { graph, inputs } = operation;
  const [left = '', right = ''] = operation.text('equation', '').replaceAll(' ', '').split('->');
  const terms = left.split(',');
  const isPlain = [...terms, right].every((term) => /^[A-Za-z]*$/.test(term) && new Set(term).size === term.length);
  if (!operation.text('equation', '').includes('->') || !isPlain) {
    throw operation.refusal(
      'has an equation with repeated labels, an ellipsis or no output',
      'write it with MatMul, Transpose and Mul',
    );
  }
  return inputs.map((_, index) => {
    if (!operation.needs(index)) return undefined;
    const own = terms[index] ?? '';
    const others = terms.filter((_term, other) => other !== index);
    const available = [right, ...others].join('');
    if (own.split('').some((label) => !available.includes(label))) {
      throw operation.refusal(
        `sums over a dimension of ${JSON.stringify(operation.input(index))} alone`,
        'write that sum with ReduceSum',
      );
    }
    const equation = `${[right, ...others].join()}->${own}`;
    const operands = [gradient, ...inputs.filter((_name, other) => other !== index)];
    return graph.add('Einsum', operands, { equation: { text: equation } });
  });
}

export const matrixRules: Readonly<Record<string, Rule>> = {
  Gemm: { gradients: gemmGradients },
  MatMul: { gradients: matMulGradients },
  Einsum: { gradients: einsumGradients },
};
