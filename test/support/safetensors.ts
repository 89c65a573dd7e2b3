export interface NamedArray {
  shape: number[];
  data: Float32Array;
}

/** The float32 arrays of a safetensors file, by name. */
export function parseSafetensors(file: Uint8Array): Map<string, NamedArray> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const begin = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(Buffer.from(file.subarray(8, begin)).toString()) as Record<
    string,
    { dtype?: string; shape: number[]; data_offsets: [number, number] }
  >;
  return new Map(
    Object.entries(header)
      .filter(([, { dtype }]) => dtype === 'F32')
      .map(
        ([
          name,
          {
            shape,
            data_offsets: [from, to],
          },
        ]) => {
          const { buffer } = Uint8Array.from(file.subarray(begin + from, begin + to));
          return [name, { shape, data: new Float32Array(buffer) }];
        },
      ),
  );
}
