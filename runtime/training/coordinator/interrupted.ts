/** The generation cannot go on: somebody whose state matters is lost, came back, or wants to stop. Another one begins. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly code = 'Interrupted';
}
