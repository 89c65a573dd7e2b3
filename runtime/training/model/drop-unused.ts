import type { GraphProto } from '../../onnx/onnx.gen.ts';

/** Takes away those of the named weights that no node reads any more, and the names of others that they were handed on by. */
export function dropUnused(graph: GraphProto, names: readonly string[]): void {
  for (const name of names) {
    const isUsed =
      graph.node.some(({ input }) => input.includes(name)) || graph.output.some((output) => output.name === name);
    if (isUsed) continue;
    graph.initializer = graph.initializer.filter((tensor) => tensor.name !== name);
    graph.input = graph.input.filter((input) => input.name !== name);
    const maker = graph.node.find(({ output }) => output.includes(name));
    if (maker?.opType !== 'Identity' && maker?.opType !== 'Constant') continue;
    graph.node = graph.node.filter((node) => node !== maker);
    dropUnused(graph, maker.input);
  }
}
