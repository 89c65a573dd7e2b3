/** What keeps an object from being what its spec asks for, or says that it is. */
export interface Finding {
  /** True where only a change of the spec can help: nothing is retried until then. */
  terminal?: boolean;
  /** `Warning` asks for somebody's action; `Normal` is the course of things. */
  type: 'Normal' | 'Warning';
  /** CamelCase: the reason of the condition and of the Event. */
  reason: string;
  /** What is the matter and what to do about it. */
  message: string;
}

/** A pure question with a name, asked of one state of the world. */
export interface Check<Subject> {
  name: string;
  find(subject: Subject): Finding | undefined;
}

/** The first finding of a chain: checks stand in the order in which a person should hear of them. */
export function firstFinding<Subject>(chain: readonly Check<Subject>[], subject: Subject): Finding | undefined {
  for (const check of chain) {
    const finding = check.find(subject);
    if (finding !== undefined) return finding;
  }
  return undefined;
}
