/** ONNX Runtime's words without paths and source positions. */
export function runtimeErrorText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .replace(/^Load model from \S+ failed:\s*/, '')
    .replace(/(?:[A-Za-z_]+:)*\/[^\s:"'(),]+(?::\d+)?/g, '')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 600);
}
