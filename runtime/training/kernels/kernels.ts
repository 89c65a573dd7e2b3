/**
 * The arithmetic of the parameter servers, in AssemblyScript: `npm run generate` compiles it to ../kernels.gen.ts. Every
 * element is computed by the same IEEE operations in the same order, whatever the length of the array and wherever it is
 * cut; nothing is fused or relaxed, so every machine gives the same bits.
 *
 * Pointers are byte offsets, lengths count float32 elements. What is written may lie where something read lies, or apart
 * from it, but not half over it.
 */

const lanesOfVector: i32 = 4;

/** The elements at a place, up to four of `count`. What lies behind them is neither read nor written. */
function read(at: usize, count: i32): v128 {
  return count >= lanesOfVector ? v128.load(at) : readPart(at, count);
}

function write(at: usize, values: v128, count: i32): void {
  if (count >= lanesOfVector) v128.store(at, values);
  else writePart(at, values, count);
}

function readPart(at: usize, count: i32): v128 {
  let values = f32x4.splat(0);
  if (count > 0) values = v128.load_lane<f32>(at, values, 0);
  if (count > 1) values = v128.load_lane<f32>(at, values, 1, 4);
  if (count > 2) values = v128.load_lane<f32>(at, values, 2, 8);
  return values;
}

function writePart(at: usize, values: v128, count: i32): void {
  if (count > 0) v128.store_lane<f32>(at, values, 0);
  if (count > 1) v128.store_lane<f32>(at, values, 1, 4);
  if (count > 2) v128.store_lane<f32>(at, values, 2, 8);
}

/** target += source */
export function add(target: usize, source: usize, length: i32): void {
  for (let left = length; left > 0; left -= lanesOfVector) {
    write(target, f32x4.add(read(target, left), read(source, left)), left);
    target += 16;
    source += 16;
  }
}

/** In float64: element i goes to the sum number i modulo 8, and the eight sums are added pair by pair. */
export function sumOfSquares(array: usize, length: i32): f64 {
  let sum01 = f64x2.splat(0);
  let sum23 = f64x2.splat(0);
  let sum45 = f64x2.splat(0);
  let sum67 = f64x2.splat(0);
  for (let left = length; left > 0; left -= 2 * lanesOfVector) {
    const first = read(array, left);
    const second = read(array + 16, left - lanesOfVector);
    sum01 = addSquares(sum01, first);
    sum23 = addSquares(sum23, upperPair(first));
    sum45 = addSquares(sum45, second);
    sum67 = addSquares(sum67, upperPair(second));
    array += 32;
  }
  const sums = f64x2.add(f64x2.add(sum01, sum23), f64x2.add(sum45, sum67));
  return f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
}

function addSquares(sum: v128, lowerPair: v128): v128 {
  const wide = f64x2.promote_low_f32x4(lowerPair);
  return f64x2.add(sum, f64x2.mul(wide, wide));
}

function upperPair(values: v128): v128 {
  return v128.shuffle<f32>(values, values, 2, 3, 2, 3);
}

/** gradientScale * gradient + weightDecay * weight */
function slopeOf(gradient: v128, gradientScale: f32, weight: v128, weightDecay: f32): v128 {
  return f32x4.add(f32x4.mul(gradient, f32x4.splat(gradientScale)), f32x4.mul(weight, f32x4.splat(weightDecay)));
}

/** weight' = weight - rate * slope */
export function descend(
  weights: usize,
  gradient: usize,
  weightsTo: usize,
  length: i32,
  gradientScale: f32,
  weightDecay: f32,
  rate: f32,
): void {
  for (let left = length; left > 0; left -= lanesOfVector) {
    const weight = read(weights, left);
    const slope = slopeOf(read(gradient, left), gradientScale, weight, weightDecay);
    write(weightsTo, f32x4.sub(weight, f32x4.mul(slope, f32x4.splat(rate))), left);
    weights += 16;
    gradient += 16;
    weightsTo += 16;
  }
}

/** velocity' = factor * velocity + gain * slope; weight' = weight - rate * (velocity' or slope + factor * velocity') */
export function momentum(
  weights: usize,
  gradient: usize,
  velocity: usize,
  weightsTo: usize,
  velocityTo: usize,
  length: i32,
  gradientScale: f32,
  weightDecay: f32,
  factor: f32,
  gain: f32,
  nesterov: bool,
  rate: f32,
): void {
  for (let left = length; left > 0; left -= lanesOfVector) {
    const weight = read(weights, left);
    const slope = slopeOf(read(gradient, left), gradientScale, weight, weightDecay);
    const speed = f32x4.add(f32x4.mul(read(velocity, left), f32x4.splat(factor)), f32x4.mul(slope, f32x4.splat(gain)));
    const direction = nesterov ? f32x4.add(slope, f32x4.mul(speed, f32x4.splat(factor))) : speed;
    write(velocityTo, speed, left);
    write(weightsTo, f32x4.sub(weight, f32x4.mul(direction, f32x4.splat(rate))), left);
    weights += 16;
    gradient += 16;
    velocity += 16;
    weightsTo += 16;
    velocityTo += 16;
  }
}

/** squares' = squares + slope^2; weight' = weight - rate * slope / (sqrt(squares') + epsilon) */
export function adagrad(
  weights: usize,
  gradient: usize,
  squares: usize,
  weightsTo: usize,
  squaresTo: usize,
  length: i32,
  gradientScale: f32,
  weightDecay: f32,
  epsilon: f32,
  rate: f32,
): void {
  for (let left = length; left > 0; left -= lanesOfVector) {
    const weight = read(weights, left);
    const slope = slopeOf(read(gradient, left), gradientScale, weight, weightDecay);
    const square = f32x4.add(read(squares, left), f32x4.mul(slope, slope));
    const root = f32x4.add(f32x4.sqrt(square), f32x4.splat(epsilon));
    write(squaresTo, square, left);
    write(weightsTo, f32x4.sub(weight, f32x4.div(f32x4.mul(slope, f32x4.splat(rate)), root)), left);
    weights += 16;
    gradient += 16;
    squares += 16;
    weightsTo += 16;
    squaresTo += 16;
  }
}

/**
 * mean' = keep1 * mean + rest1 * slope; square' = keep2 * square + rest2 * slope^2;
 * weight' = shrinkAfter * (shrinkBefore * weight - rate * mean' / (rootScale * sqrt(square') + epsilon)).
 * Each `rest` is 1 - `keep`, rounded once.
 */
export function adam(
  weights: usize,
  gradient: usize,
  means: usize,
  squares: usize,
  weightsTo: usize,
  meansTo: usize,
  squaresTo: usize,
  length: i32,
  gradientScale: f32,
  weightDecay: f32,
  keep1: f32,
  rest1: f32,
  keep2: f32,
  rest2: f32,
  rootScale: f32,
  epsilon: f32,
  rate: f32,
  shrinkBefore: f32,
  shrinkAfter: f32,
): void {
  for (let left = length; left > 0; left -= lanesOfVector) {
    const weight = read(weights, left);
    const slope = slopeOf(read(gradient, left), gradientScale, weight, weightDecay);
    const mean = between(read(means, left), slope, keep1, rest1);
    const square = f32x4.add(
      f32x4.mul(read(squares, left), f32x4.splat(keep2)),
      f32x4.mul(f32x4.mul(slope, slope), f32x4.splat(rest2)),
    );
    const root = f32x4.add(f32x4.mul(f32x4.sqrt(square), f32x4.splat(rootScale)), f32x4.splat(epsilon));
    const step = f32x4.div(f32x4.mul(mean, f32x4.splat(rate)), root);
    const shrunk = f32x4.sub(f32x4.mul(weight, f32x4.splat(shrinkBefore)), step);
    write(meansTo, mean, left);
    write(squaresTo, square, left);
    write(weightsTo, f32x4.mul(shrunk, f32x4.splat(shrinkAfter)), left);
    weights += 16;
    gradient += 16;
    means += 16;
    squares += 16;
    weightsTo += 16;
    meansTo += 16;
    squaresTo += 16;
  }
}

/** keep * mean + rest * slope, from the nearer of the two, so that neither is lost beside a much larger other. */
function between(mean: v128, slope: v128, keep: f32, rest: f32): v128 {
  return rest < 0.5
    ? f32x4.add(mean, f32x4.mul(f32x4.sub(slope, mean), f32x4.splat(rest)))
    : f32x4.add(slope, f32x4.mul(f32x4.sub(mean, slope), f32x4.splat(keep)));
}
