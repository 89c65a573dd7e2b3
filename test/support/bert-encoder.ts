import { initializer, onnxModel, type Graph } from './onnx-builder.ts';
import type { NamedArray } from './safetensors.ts';

/** Of config.json. */
export interface BertSizes {
  hidden_size: number;
  num_attention_heads: number;
  num_hidden_layers: number;
  layer_norm_eps: number;
}

/**
 * A BERT encoder as ONNX: `input_ids`, `attention_mask` and `token_type_ids` (INT64 [n, s]) to `last_hidden_state` (FLOAT [n, s, width]).
 * Architecture: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", 2018; weights are named as transformers names them.
 */
export function bertEncoder(weights: ReadonlyMap<string, NamedArray>, sizes: BertSizes): Uint8Array {
  const graph = new Builder(weights);
  const { hidden_size: width, num_attention_heads: heads, num_hidden_layers: layers, layer_norm_eps: epsilon } = sizes;
  const norm = (x: string, name: string): string =>
    graph.node(
      'LayerNormalization',
      [x, graph.weight(`${name}.weight`), graph.weight(`${name}.bias`)],
      [
        { name: 'axis', int: -1 },
        { name: 'epsilon', float: epsilon },
      ],
    );
  const dense = (x: string, name: string): string =>
    graph.node('Add', [graph.node('MatMul', [x, graph.transposed(`${name}.weight`)]), graph.weight(`${name}.bias`)]);

  const rowsOf = (name: string, ids: string): string =>
    graph.node('Gather', [graph.weight(`embeddings.${name}_embeddings.weight`), ids]);
  const length = graph.node(
    'Shape',
    ['input_ids'],
    [
      { name: 'start', int: 1 },
      { name: 'end', int: 2 },
    ],
  );
  const positions = graph.node('Slice', [
    graph.weight('embeddings.position_embeddings.weight'),
    ...[graph.whole('zero', [0]), length, graph.whole('rows', [0])],
  ]);
  const words = graph.node('Add', [rowsOf('word', 'input_ids'), rowsOf('token_type', 'token_type_ids')]);
  let x = norm(graph.node('Add', [words, positions]), 'embeddings.LayerNorm');

  const attended = graph.node('Cast', ['attention_mask'], [{ name: 'to', int: 1 }]);
  const padding = graph.node('Sub', [
    graph.number('one', 1),
    graph.node('Unsqueeze', [attended, graph.whole('middle', [1, 2])]),
  ]);
  const bias = graph.node('Mul', [padding, graph.number('lowest', -3.4028234663852886e38)]);
  const split = graph.whole('split', [0, 0, heads, width / heads]);
  const joined = graph.whole('joined', [0, 0, width]);
  for (let layer = 0; layer < layers; layer++) {
    const name = `encoder.layer.${layer}`;
    const headsOf = (part: string, order: number[]): string =>
      graph.node(
        'Transpose',
        [graph.node('Reshape', [dense(x, `${name}.attention.self.${part}`), split])],
        [{ name: 'perm', ints: order }],
      );
    const products = graph.node('MatMul', [headsOf('query', [0, 2, 1, 3]), headsOf('key', [0, 2, 3, 1])]);
    const scaled = graph.node('Div', [products, graph.number('scale', Math.sqrt(width / heads))]);
    const shares = graph.node('Softmax', [graph.node('Add', [scaled, bias])], [{ name: 'axis', int: -1 }]);
    const mixed = graph.node('MatMul', [shares, headsOf('value', [0, 2, 1, 3])]);
    const context = graph.node('Reshape', [
      graph.node('Transpose', [mixed], [{ name: 'perm', ints: [0, 2, 1, 3] }]),
      joined,
    ]);
    const attention = dense(context, `${name}.attention.output.dense`);
    x = norm(graph.node('Add', [attention, x]), `${name}.attention.output.LayerNorm`);
    const inner = gelu(graph, dense(x, `${name}.intermediate.dense`));
    x = norm(graph.node('Add', [dense(inner, `${name}.output.dense`), x]), `${name}.output.LayerNorm`);
  }
  graph.node('Identity', [x], [], 'last_hidden_state');
  const tokens = (input: string) => ({ name: input, type: 'INT64' as const, shape: ['n', 's'] });
  return onnxModel({
    ...graph.parts(),
    inputs: ['input_ids', 'attention_mask', 'token_type_ids'].map(tokens),
    outputs: [{ name: 'last_hidden_state', type: 'FLOAT', shape: ['n', 's', width] }],
  });
}

function gelu(graph: Builder, x: string): string {
  const error = graph.node('Erf', [graph.node('Div', [x, graph.number('rootOfTwo', Math.SQRT2)])]);
  const share = graph.node('Add', [error, graph.number('one', 1)]);
  return graph.node('Mul', [graph.node('Mul', [x, share]), graph.number('half', 0.5)]);
}

type Attributes = NonNullable<Graph['nodes'][number]['attributes']>;

/** Appends nodes and constants; every method gives the name of a value. */
class Builder {
  readonly #weights: ReadonlyMap<string, NamedArray>;
  readonly #nodes: Graph['nodes'] = [];
  readonly #initializers = new Map<string, NonNullable<Graph['initializers']>[number]>();

  constructor(weights: ReadonlyMap<string, NamedArray>) {
    this.#weights = weights;
  }

  parts(): Pick<Graph, 'nodes' | 'initializers'> {
    return { nodes: this.#nodes, initializers: [...this.#initializers.values()] };
  }

  node(op: string, inputs: string[], attributes: Attributes = [], output = `v${this.#nodes.length}`): string {
    this.#nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }

  whole(name: string, values: number[]): string {
    this.#initializers.set(name, initializer.int64(name, values, [values.length]));
    return name;
  }

  number(name: string, value: number): string {
    this.#initializers.set(name, initializer.float(name, [value]));
    return name;
  }

  weight(name: string): string {
    const { shape, data } = this.#array(name);
    return this.#float(name, shape, data);
  }

  /** A matrix [out, in] as [in, out]. */
  transposed(name: string): string {
    const { shape, data } = this.#array(name);
    const [rows = 0, columns = 0] = shape;
    const turned = new Float32Array(data.length);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) turned[column * rows + row] = data[row * columns + column] ?? 0;
    }
    return this.#float(name, [columns, rows], turned);
  }

  #array(name: string): NamedArray {
    const array = this.#weights.get(name);
    if (!array) throw new Error(`no weights ${name}`);
    return array;
  }

  #float(name: string, shape: number[], data: Float32Array): string {
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#initializers.set(name, { name, type: 'FLOAT', shape, raw });
    return name;
  }
}
