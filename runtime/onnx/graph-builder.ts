import { create } from '@bufbuild/protobuf';
import { type Attributes, attributeProto } from './attributes.ts';
import { type NodeProto, NodeProtoSchema, type TensorProto } from './onnx.gen.ts';
import { floatTensor, int64Tensor } from './tensors.ts';

export interface NodeOptions {
  /** Of the operator; absent: the standard's. */
  domain?: string;
  /** Names for the outputs, where they matter to somebody. */
  outputs?: readonly string[];
}

/** Collects the nodes and constants of a graph in the order in which they run, and names their values. */
export class GraphBuilder {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  readonly #prefix: string;
  readonly #constants = new Map<string, string>();
  #count = 0;

  /** @param prefix begins the names of values that nobody named: nothing else in the graph may begin with it */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Adds a node of one output, and returns that output's name. An input of '' is one that is left out. */
  add(operator: string, inputs: readonly string[], attributes: Attributes = {}, options: NodeOptions = {}): string {
    const [output] = this.addMany(operator, inputs, options.outputs ?? 1, attributes, options.domain);
    if (output === undefined) throw new Error(`${operator} needs an output`);
    return output;
  }

  /**
   * Adds a node of several outputs, and returns their names.
   *
   * @param outputs how many, or their names
   */
  addMany(
    operator: string,
    inputs: readonly string[],
    outputs: number | readonly string[],
    attributes: Attributes = {},
    domain = '',
  ): string[] {
    const output =
      typeof outputs === 'number' ? Array.from({ length: outputs }, () => this.newName(operator)) : [...outputs];
    const attribute = Object.entries(attributes).map(([name, value]) => attributeProto(name, value));
    const name = output.find((one) => one !== '') ?? '';
    this.nodes.push(create(NodeProtoSchema, { opType: operator, domain, name, input: [...inputs], output, attribute }));
    return output;
  }

  /** A float32 scalar. The same value is stored once. */
  scalar(value: number): string {
    return this.#constant(`f${value}`, (name) => floatTensor(name, [], Float32Array.of(value)));
  }

  /** A vector of int64, or a scalar of one. The same values are stored once. */
  ints(values: readonly number[] | number): string {
    const [list, shape] = typeof values === 'number' ? [[values], []] : [values, [values.length]];
    return this.#constant(`i${shape.join()}:${list.join()}`, (name) => int64Tensor(name, shape, list));
  }

  /** A float32 constant of any shape. */
  floats(shape: readonly number[], data: Float32Array): string {
    const name = this.newName('constant');
    this.initializers.push(floatTensor(name, shape, data));
    return name;
  }

  /** A name that no other value has. */
  newName(hint: string): string {
    this.#count += 1;
    return `${this.#prefix}${hint}.${this.#count}`;
  }

  #constant(key: string, make: (name: string) => TensorProto): string {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.newName('constant');
    this.#constants.set(key, name);
    this.initializers.push(make(name));
    return name;
  }
}
