import { elementTypes } from '../../onnx/element-types.ts';
import type { NodeProto, TensorProto } from '../../onnx/onnx.gen.ts';
import { isExternal, readFloats } from '../../onnx/tensors.ts';

/**
 * Exporters store equal weights once, and name the same one in several nodes. For a fresh network that ties weights which only begin
 * alike: all scales are ones, all biases are zeros. A weight whose elements are all the same is therefore one of its own for
 * each use; any other that is shared was meant to be.
 *
 * @param nodes whose inputs are renamed in place
 * @param initializers receives the copies
 */
export function separateUniformWeights(nodes: readonly NodeProto[], initializers: Map<string, TensorProto>): void {
  const taken = new Set([...initializers.keys(), ...nodes.flatMap(({ output }) => output)]);
  for (const [name, places] of sharedWeights(nodes, initializers)) {
    const tensor = initializers.get(name);
    if (!tensor || !isUniform(tensor)) continue;
    for (const [index, { node, input }] of places.slice(1).entries()) {
      let copy = `${name}.${index + 2}`;
      while (taken.has(copy)) copy += '_';
      taken.add(copy);
      initializers.set(copy, { ...tensor, name: copy });
      node.input[input] = copy;
    }
  }
}

/** An input of a node. */
interface Place {
  node: NodeProto;
  input: number;
}

/** Where each weight is used, of those that are used more than once. */
function sharedWeights(
  nodes: readonly NodeProto[],
  initializers: ReadonlyMap<string, TensorProto>,
): Map<string, Place[]> {
  const places = new Map<string, Place[]>();
  for (const node of nodes) {
    for (const [input, name] of node.input.entries()) {
      if (initializers.has(name)) places.set(name, [...(places.get(name) ?? []), { node, input }]);
    }
  }
  return new Map([...places].filter(([, uses]) => uses.length > 1));
}

/** Of two elements or more; a single one, such as the slope of a PRelu, may well be shared on purpose. */
function isUniform(tensor: TensorProto): boolean {
  if (tensor.dataType !== elementTypes.FLOAT || tensor.dims.length === 0 || isExternal(tensor)) return false;
  const values = readFloats(tensor);
  return values.length > 1 && values.every((value) => value === values[0]);
}
