/** ONNX's numbers for the elements of tensors. */
export const elementTypes = {
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  BFLOAT16: 16,
} as const;

export type ElementType = keyof typeof elementTypes;

const names = new Map<number, string>(Object.entries(elementTypes).map(([name, number]) => [number, name]));

/** `FLOAT16` of 10; for people to read. */
export const elementTypeName = (number: number): string => names.get(number) ?? `number ${number}`;
