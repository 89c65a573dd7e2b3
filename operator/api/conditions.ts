/** A condition as every Kubernetes status has it. */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  /** CamelCase. */
  reason: string;
  message: string;
  observedGeneration?: number;
  /** RFC 3339, whole seconds. */
  lastTransitionTime: string;
}

const rfc3339 = (now: Date): string => `${now.toISOString().slice(0, 19)}Z`;

export const findCondition = (list: readonly Condition[], type: string): Condition | undefined =>
  list.find((condition) => condition.type === type);

/** A new list with the condition in its place; the time of its transition moves only with its status. */
export function setCondition(
  list: readonly Condition[],
  condition: Omit<Condition, 'lastTransitionTime'>,
  now: Date,
): Condition[] {
  const before = findCondition(list, condition.type);
  const unchanged = before?.status === condition.status;
  const next: Condition = { ...condition, lastTransitionTime: unchanged ? before.lastTransitionTime : rfc3339(now) };
  return before === undefined ? [...list, next] : list.map((each) => (each === before ? next : each));
}
