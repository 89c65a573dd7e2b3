import { checkMatrix, checkWhole, maxFeatures } from './checks.ts';
import { matrixRows, type RowSource } from './model.ts';
import type { Condition, TabularRequest } from './request.ts';
import type { Masker, Subjects } from './subject.ts';
import { columnsOf, conditionsOf, tabularNeighbourhood } from './tabular-neighbourhood.ts';

export function tabularSubjects(request: TabularRequest): Subjects<Float32Array, { conditions?: Condition[][] }> {
  const { rows, background } = request;
  const features = checkWhole('features', request.features, 1, maxFeatures);
  const count = checkMatrix('rows', rows, features);
  checkMatrix('background', background, features);
  const columns = request.method === 'lime' ? columnsOf(request) : undefined;
  const nothing = matrixRows(background, features);
  const instances = Array.from({ length: count }, (_, row) => rows.subarray(row * features, (row + 1) * features));
  return {
    instances: matrixRows(rows, features),
    all: instances.map((instance) => ({
      features,
      masker: tabularMasker(instance, background, nothing),
      neighbourhood: (samples, seed) => tabularNeighbourhood(columns ?? columnsOf(request), instance, samples, seed),
    })),
    about: columns ? { conditions: instances.map((instance) => conditionsOf(columns, instance)) } : {},
  };
}

/**
 * Takes features away by putting in those of every row of the background in turn. A feature in which the instance is like all of the
 * background is no part: it has no effect, and needs no samples.
 */
function tabularMasker(
  instance: Float32Array,
  background: Float32Array,
  nothing: RowSource<Float32Array>,
): Masker<Float32Array> {
  const width = instance.length;
  const places = varying(instance, background);
  const fill = (batch: Float32Array, masks: Uint8Array, from: number, to: number): void => {
    for (let row = from; row < to; row++) {
      const mask = Math.floor(row / nothing.count) * places.length;
      const [source, target] = [(row % nothing.count) * width, (row - from) * width];
      batch.set(background.subarray(source, source + width), target);
      for (let part = 0; part < places.length; part++) {
        const place = places[part] ?? 0;
        if (masks[mask + part] === 1) batch[target + place] = instance[place] ?? 0;
      }
    }
  };
  return {
    places,
    rowsPerMask: nothing.count,
    nothing,
    rows: (masks) => ({
      count: (masks.length / places.length) * nothing.count,
      rowBytes: nothing.rowBytes,
      batch: (from, to) => {
        const batch = new Float32Array((to - from) * width);
        fill(batch, masks, from, to);
        return batch;
      },
    }),
  };
}

function varying(instance: Float32Array, background: Float32Array): Int32Array {
  const varies = (value: number, feature: number): boolean => {
    for (let at = feature; at < background.length; at += instance.length) {
      const other = background[at] ?? 0;
      if (other !== value && !(Number.isNaN(other) && Number.isNaN(value))) return true;
    }
    return false;
  };
  return Int32Array.from([...instance.keys()].filter((feature) => varies(instance[feature] ?? 0, feature)));
}
