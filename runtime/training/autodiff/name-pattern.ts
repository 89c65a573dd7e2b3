/** Whether a name is one of those that a list of patterns means; `*` stands for any characters. */
export function namePatterns(patterns: readonly string[]): (name: string) => boolean {
  const expressions = patterns.map(expressionOf);
  return (name) => expressions.some((expression) => expression.test(name));
}

const expressionOf = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replaceAll(/[\\^$.+?()[\]{}|]/g, '\\$&').replaceAll('*', '.*')}$`, 's');

/** The first pattern that means none of the names. */
export const uselessPattern = (patterns: readonly string[], names: readonly string[]): string | undefined =>
  patterns.find((pattern) => !names.some((name) => expressionOf(pattern).test(name)));
