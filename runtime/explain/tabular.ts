import { checkMatrix, checkWhole, maxFeatures } from './checks.ts';
import { batchMemory, matrixRows, type RowSource } from './model.ts';
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
      neighbourhood: (samples, seed, signal) =>
        tabularNeighbourhood(columns ?? columnsOf(request), instance, { samples, seed, signal }),
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
  const count = nothing.count;
  const memory = batchMemory();
  const fill = (batch: Float32Array, masks: Uint8Array, from: number, to: number): void => {
    for (let row = from; row < to;) {
      const mask = Math.floor(row / count);
      const end = Math.min(to, (mask + 1) * count);
      const [start, stop] = [(row - from) * width, (end - from) * width];
      batch.set(background.subarray((row - mask * count) * width, (end - mask * count) * width), start);
      for (let part = 0; part < places.length; part++) {
        if (masks[mask * places.length + part] !== 1) continue;
        const place = places[part] ?? 0;
        const own = instance[place] ?? 0;
        for (let at = start + place; at < stop; at += width) batch[at] = own;
      }
      row = end;
    }
  };
  return {
    places,
    rowsPerMask: count,
    nothing,
    rows: (masks) => ({
      count: (masks.length / places.length) * count,
      rowBytes: nothing.rowBytes,
      batch: (from, to) => {
        const batch = memory((to - from) * width);
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
