/** Linear algebra of small dense systems in float64. Matrices are square and row-major. */

/** The lower triangle L with L Lᵀ = matrix, which is symmetric and positive definite; what is above it means nothing. */
export function cholesky(matrix: Float64Array, size: number): Float64Array {
  const lower = Float64Array.from(matrix);
  for (let column = 0; column < size; column++) {
    for (let row = column; row < size; row++) {
      let sum = lower[row * size + column] ?? 0;
      for (let k = 0; k < column; k++) sum -= (lower[row * size + k] ?? 0) * (lower[column * size + k] ?? 0);
      const pivot = row === column ? Math.sqrt(sum) : (lower[column * size + column] ?? 0);
      lower[row * size + column] = row === column ? pivot : sum / pivot;
    }
  }
  return lower;
}

/** x with L Lᵀ x = right. */
export function solveByCholesky(lower: Float64Array, right: Float64Array): Float64Array {
  const size = right.length;
  const x = Float64Array.from(right);
  for (let row = 0; row < size; row++) {
    let sum = x[row] ?? 0;
    for (let k = 0; k < row; k++) sum -= (lower[row * size + k] ?? 0) * (x[k] ?? 0);
    x[row] = sum / (lower[row * size + row] ?? 0);
  }
  for (let row = size - 1; row >= 0; row--) {
    let sum = x[row] ?? 0;
    for (let k = row + 1; k < size; k++) sum -= (lower[k * size + row] ?? 0) * (x[k] ?? 0);
    x[row] = sum / (lower[row * size + row] ?? 0);
  }
  return x;
}

export const sumOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);
