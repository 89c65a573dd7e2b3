import { methods, type ExplainRequest, type LimeOptions, type Method } from '../../explain/request.ts';
import { invalid } from '../../errors.ts';

/** What a request's parameters say of an explanation. */
export interface ExplainParameters {
  asked: Pick<ExplainRequest, 'method' | 'seed' | 'samples' | 'outputs' | 'topOutputs' | 'lime'>;
  /** The output of the model that is explained, where it has several. */
  output: string | undefined;
  white: number | undefined;
  categorical: readonly number[] | undefined;
}

const known = [
  'method',
  'seed',
  'samples',
  'output',
  'outputs',
  'top_outputs',
  'categorical',
  'white',
  'lime_features',
  'lime_selection',
  'lime_kernel_width',
  'lime_discretize',
  'timeout',
];

/**
 * Reads parameters by their names. Lists are arrays, or texts of numbers with commas, as the Open Inference Protocol's parameters are
 * plain. What they mean is checked where the explanation begins. Throws RequestError.
 */
export function explainParameters(given: Readonly<Record<string, unknown>>): ExplainParameters {
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw invalid(`parameters: ${JSON.stringify(unknown.slice(0, 200))} is unknown; known are ${known.join(', ')}`);
  const number = (name: string): number | undefined => {
    const value = given[name];
    if (value !== undefined && typeof value !== 'number') throw invalid(`parameters.${name}: must be a number`);
    return value;
  };
  const text = (name: string): string | undefined => {
    const value = given[name];
    if (value !== undefined && typeof value !== 'string') throw invalid(`parameters.${name}: must be a string`);
    return value;
  };
  const flag = (name: string): boolean | undefined => {
    const value = given[name];
    if (value !== undefined && typeof value !== 'boolean') throw invalid(`parameters.${name}: must be true or false`);
    return value;
  };
  const list = (name: string): readonly number[] | undefined => {
    const value = given[name];
    if (value === undefined) return undefined;
    const items: unknown[] =
      typeof value === 'string' ? value.split(',').map(Number) : Array.isArray(value) ? value : [NaN];
    if (!items.every((item): item is number => Number.isInteger(item)))
      throw invalid(`parameters.${name}: must be whole numbers, such as "0,2"`);
    return items;
  };
  const lime = defined<LimeOptions>({
    features: number('lime_features'),
    selection: text('lime_selection') as LimeOptions['selection'],
    kernelWidth: number('lime_kernel_width'),
    discretize: flag('lime_discretize'),
  });
  return {
    asked: {
      method: (text('method') ?? methods[0]) as Method,
      seed: number('seed') ?? 0,
      ...defined({ samples: number('samples'), outputs: list('outputs'), topOutputs: number('top_outputs') }),
      ...(Object.keys(lime).length > 0 && { lime }),
    },
    output: text('output'),
    white: number('white'),
    categorical: list('categorical'),
  };
}

/** Without the fields that are not there. */
function defined<T extends object>(fields: { [Key in keyof T]: T[Key] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
