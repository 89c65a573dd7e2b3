import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { elementTypes } from '../../../../runtime/onnx/element-types.ts';
import { decodeModel, encodeModel, type OnnxModel, tensorInfo } from '../../../../runtime/onnx/model.ts';
import {
  FunctionProtoSchema,
  SparseTensorProtoSchema,
  StringStringEntryProtoSchema,
} from '../../../../runtime/onnx/onnx.gen.ts';
import {
  buildTrainingGraph,
  type TrainingOptions,
} from '../../../../runtime/training/autodiff/build-training-graph.ts';
import { type ModelWriter, type SmallModel, smallModel } from './small-model.ts';

const width = 4;
const numbers: TrainingOptions = { loss: 'MeanSquaredError', freeze: [], label: { kind: 'Values', width } };
const classes: TrainingOptions = { loss: 'CrossEntropy', freeze: [], label: { kind: 'Classes', classes: width } };

const model = (body: (writer: ModelWriter) => string, more: Partial<SmallModel> = {}): Uint8Array =>
  smallModel({ input: ['n', width], output: ['n', undefined], ...more }, body);

const weighted = (writer: ModelWriter): string => writer.node('sum', 'Add', ['x', writer.weight('w', [width])]);

/** A model that is fine, and then changed. */
function changed(change: (model: OnnxModel) => void): Uint8Array {
  const decoded = decodeModel(model(weighted));
  change(decoded);
  return encodeModel(decoded);
}

function retyped(type: 'DOUBLE' | 'FLOAT16'): Uint8Array {
  return model((writer) => {
    const name = writer.weight('w', [width]);
    const weight = writer.builder.initializers.at(-1);
    if (weight) {
      weight.dataType = elementTypes[type];
      weight.rawData = new Uint8Array(width * { DOUBLE: 8, FLOAT16: 2 }[type]);
    }
    return writer.node('sum', 'Add', ['x', writer.node('cast', 'Cast', [name], { to: { int: elementTypes.FLOAT } })]);
  });
}

interface Refusal {
  what: string;
  bytes: Uint8Array;
  options?: TrainingOptions;
  /** Of the message: what it is about, and the cure. */
  says: string[];
}

const models: Refusal[] = [
  {
    what: 'an opset that is too old',
    bytes: model(weighted, { opset: 12 }),
    says: ['version 12', 'export it for one between 13 and 26'],
  },
  {
    what: 'an operator that the model defines itself',
    bytes: changed((one) => one.functions.push(create(FunctionProtoSchema, { name: 'MyGelu' }))),
    says: ['"MyGelu"', 'functions inlined'],
  },
  {
    what: 'sparse weights',
    bytes: changed((one) => one.graph.sparseInitializer.push(create(SparseTensorProtoSchema))),
    says: ['sparse weights', 'export it with dense ones'],
  },
  {
    what: 'weights in another file',
    bytes: changed((one) => {
      const [weight] = one.graph.initializer;
      if (!weight) return;
      weight.dataLocation = 1;
      weight.externalData.push(create(StringStringEntryProtoSchema, { key: 'location', value: 'weights.bin' }));
    }),
    says: ['"w"', 'save the model as one file'],
  },
  {
    what: 'a name that training uses',
    bytes: model((writer) => writer.node('modelyard.sum', 'Add', ['x', writer.weight('w', [width])])),
    says: ['"modelyard.sum"', 'rename it'],
  },
  {
    what: 'a model without an input',
    bytes: model((writer) => writer.weight('w', [1, width]), { inputs: [] }),
    says: ['no input for data'],
  },
  {
    what: 'several outputs',
    bytes: changed((one) => one.graph.output.push(tensorInfo('sum', 'FLOAT', ['n', width]))),
    says: ['2 outputs', 'export it with one'],
  },
  {
    what: 'an input of a type that no data has',
    bytes: model(weighted, { inputs: [tensorInfo('x', 'FLOAT16', ['n', width])] }),
    says: ['"x"', 'FLOAT16', 'export it with FLOAT, INT64 or INT32'],
  },
  {
    what: 'an input without a shape',
    bytes: model(weighted, { inputs: [tensorInfo('x', 'FLOAT', [])] }),
    says: ['"x"', 'first dimension is the rows'],
  },
  {
    what: 'an input that leaves more than the rows open',
    bytes: model(weighted, { input: ['n', 'features'] }),
    says: ['"x"', 'dimension 1 of [n,features]', 'spec.train.data.shape'],
  },
  {
    what: 'a number of rows that is written into the model',
    bytes: model((writer) => writer.node('reshaped', 'Reshape', [weighted(writer), writer.builder.ints([1, width])])),
    says: ['does not run on 2 rows', 'first dimension that is open', 'reshaped'],
  },
  { what: 'a float64 weight', bytes: retyped('DOUBLE'), says: ['"w" [4]', 'DOUBLE', 'convert the model to float32'] },
  { what: 'a float16 weight', bytes: retyped('FLOAT16'), says: ['"w" [4]', 'FLOAT16', 'convert the model to float32'] },
  {
    what: 'a pattern that freezes nothing',
    bytes: model(weighted),
    options: { ...numbers, freeze: ['w', 'encodr.*'] },
    says: ['"encodr.*" names no weight', '"w"', 'correct it'],
  },
  {
    what: 'a model that is all frozen',
    bytes: model(weighted),
    options: { ...numbers, freeze: ['*'] },
    says: ['no weight that may be trained', 'freeze fewer'],
  },
  {
    what: 'a model without weights',
    bytes: model((writer) => writer.node('tanh', 'Tanh', ['x'])),
    says: ['no weight that may be trained', 'float32 initializers'],
  },
];

const labels: Refusal[] = [
  {
    what: 'CrossEntropy of numbers',
    bytes: model(weighted),
    options: { ...numbers, loss: 'CrossEntropy' },
    says: ['labels are numbers', 'use MeanSquaredError'],
  },
  {
    what: 'MeanSquaredError of classes',
    bytes: model(weighted),
    options: { ...classes, loss: 'MeanSquaredError' },
    says: ['labels are classes', 'use CrossEntropy'],
  },
  {
    what: 'fewer classes than the data has',
    bytes: model(weighted),
    options: { ...classes, label: { kind: 'Classes', classes: 7 } },
    says: ['4 classes', 'has 7', 'spec.train.trainable.head.classes: 7'],
  },
  {
    what: 'classes that are not the second dimension',
    bytes: model((writer) => writer.node('apart', 'Unsqueeze', [weighted(writer), writer.builder.ints([2])])),
    options: classes,
    says: ['[rows,4,1]', 'reshape it'],
  },
  {
    what: 'another width than that of the data',
    bytes: model(weighted),
    options: { ...numbers, label: { kind: 'Values', width: 3 } },
    says: ['[rows,4]', '3 values to predict', 'last layer'],
  },
  {
    what: 'an output that has no rows',
    bytes: model((writer) => writer.node('mean', 'ReduceMean', [weighted(writer)], { axes: { ints: [0] } })),
    says: ['[1,4]', 'last layer'],
  },
];

const nodes: Refusal[] = [
  {
    what: 'an operator without a gradient',
    bytes: model((writer) =>
      writer.node('odd', 'Mod', [weighted(writer), writer.builder.scalar(2)], { fmod: { int: 1 } }),
    ),
    says: ['"odd" (Mod) has no gradient', 'freeze the weights before it'],
  },
  {
    what: "an operator of ONNX Runtime's own",
    bytes: changed((one) => {
      const last = one.graph.node.at(-1);
      if (last) Object.assign(last, { opType: 'QuickGelu', domain: 'com.microsoft', name: 'fused' });
    }),
    says: ['"fused" (com.microsoft.QuickGelu) has no gradient', "from before ONNX Runtime's optimizer"],
  },
  {
    what: 'a branch',
    bytes: changed((one) => one.graph.node.forEach((node) => Object.assign(node, { opType: 'If' }))),
    says: ['"sum" (If)', 'unrolled'],
  },
  {
    what: 'a node without a name, by its output',
    bytes: changed((one) => one.graph.node.forEach((node) => Object.assign(node, { opType: 'Loop', name: '' }))),
    says: ['The node that makes "sum" (Loop)'],
  },
  {
    what: 'a way through another type',
    bytes: model((writer) => {
      const half = writer.node('half', 'Cast', [weighted(writer)], { to: { int: elementTypes.FLOAT16 } });
      return writer.node('back', 'Cast', [half], { to: { int: elementTypes.FLOAT } });
    }),
    says: ['"half" (Cast)', 'FLOAT16', 'convert the model to float32'],
  },
  {
    what: 'a setting that depends on weights',
    bytes: model((writer) => {
      const scaled = writer.node('scaled', 'Mul', [weighted(writer), writer.weight('scale', [width])]);
      const bound = writer.node('bound', 'ReduceMin', ['scale'], { keepdims: { int: 0 } });
      return writer.node('clip', 'Clip', [scaled, bound]);
    }),
    says: ['"clip" (Clip)', '"bound" as a setting', 'freeze those weights'],
  },
  {
    what: 'running statistics of two nodes',
    bytes: model((writer) => {
      const weights = [writer.weight('scale', [width]), writer.weight('bias', [width])];
      const running = [writer.weight('mean', [width]), writer.weight('variance', [width])];
      const first = writer.node('first', 'BatchNormalization', ['x', ...weights, ...running]);
      return writer.node('second', 'BatchNormalization', [first, ...weights, ...running]);
    }),
    says: ['"second" (BatchNormalization)', '"mean"', 'give it one of its own'],
  },
  {
    what: 'a cut along the rows',
    bytes: model((writer) => {
      const { builder } = writer;
      const tail = writer.node('tail', 'Slice', [
        weighted(writer),
        builder.ints([1]),
        builder.ints([99]),
        builder.ints([0]),
      ]);
      return writer.node('shifted', 'Add', ['x', writer.node('mean', 'ReduceMean', [tail], { axes: { ints: [0] } })]);
    }),
    says: ['"tail" (Slice)', 'dimension 0 of "sum"', 'depends on the batch'],
  },
  {
    what: 'a dropout along other axes than the rows',
    bytes: model((writer) => {
      const turned = writer.node('turned', 'Transpose', [weighted(writer)]);
      return writer.node('back', 'Transpose', [writer.node('drop', 'Dropout', [turned])]);
    }),
    says: ['"drop" (Dropout)', 'first dimension is not the rows'],
  },
  {
    what: 'a dropout whose mask is used',
    bytes: model((writer) => {
      writer.builder.addMany('Dropout', [weighted(writer)], ['drop', 'mask']);
      return writer.node('again', 'Mul', [
        'drop',
        writer.node('cast', 'Cast', ['mask'], { to: { int: elementTypes.FLOAT } }),
      ]);
    }),
    says: ['"drop" (Dropout)', 'hands its mask', 'without that output'],
  },
  {
    what: 'a loss that depends on the second output of an operator',
    bytes: model((writer) => {
      const scale = writer.weight('scale', [width]);
      writer.builder.addMany('LayerNormalization', [weighted(writer), scale], ['norm', 'mean']);
      return writer.node('both', 'Add', ['norm', 'mean']);
    }),
    says: ['"norm" (LayerNormalization)', 'output beside its first'],
  },
  {
    what: 'an equation that names no output',
    bytes: model((writer) =>
      writer.node('product', 'Einsum', [weighted(writer), writer.weight('v', [width, width])], {
        equation: { text: '...j,jk->...k' },
      }),
    ),
    says: ['"product" (Einsum)', 'ellipsis', 'MatMul'],
  },
  {
    what: 'a scatter that multiplies',
    bytes: model(
      (writer) => {
        const places = writer.node('places', 'Expand', [writer.builder.ints([0]), writer.builder.ints([1, width])]);
        const [table, updates] = [writer.weight('table', [1, width]), writer.weight('updates', [1, width])];
        const reduction = { reduction: { text: 'mul' } };
        return writer.node('sum', 'Add', [
          'x',
          writer.node('scattered', 'ScatterElements', [table, places, updates], reduction),
        ]);
      },
      { opset: 18 },
    ),
    says: ['"scattered" (ScatterElements)', 'reduction mul'],
  },
];

describe.each([
  ['a model', models],
  ['labels', labels],
  ['a node', nodes],
])('what cannot be trained because of %s is refused by name and with the cure', (_, refusals) => {
  test.each(refusals.map((refusal) => [refusal.what, refusal] as const))(
    '%s',
    async (_what, { bytes, options, says }) => {
      const failure: unknown = await buildTrainingGraph(bytes, options ?? numbers).catch((error: unknown) => error);
      expect(failure).toMatchObject({
        code: 'ModelNotTrainable',
        fault: { reason: 'ModelNotTrainable', retrying: false },
      });
      const { message } = failure as Error;
      for (const part of says) expect(message).toContain(part);
    },
  );
});

describe('what is no valid model is refused as such', () => {
  test.each([
    ['bytes of something else', new TextEncoder().encode('PK not a model'), 'no ONNX model'],
    [
      'an operator that does not exist',
      changed((one) => one.graph.node.forEach((node) => Object.assign(node, { opType: 'Foo' }))),
      'Foo',
    ],
    ['nodes out of order', changed((one) => one.graph.node.reverse()), 'sort the nodes'],
    ['an import of no operators', changed((one) => one.opsetImport.splice(0)), 'imports no version'],
  ])('%s', async (_, bytes, says) => {
    const failure: unknown = await buildTrainingGraph(bytes, numbers).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'InvalidModel', fault: { reason: 'InvalidModel', retrying: false } });
    expect((failure as Error).message).toContain(says);
  });
});
