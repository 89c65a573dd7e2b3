/** A measured number, for people: six significant digits. */
export const figure = (value: number): string => String(Number(value.toPrecision(6)));

/** RFC 3339, whole seconds. */
export const rfc3339 = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`;
