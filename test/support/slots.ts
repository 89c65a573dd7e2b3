/** How many may be at work at the same time; who comes first is first. */
export interface Slots {
  take(): Promise<void>;
  give(): void;
}

export function slotsFor(count: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];
  return {
    async take() {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
    },
    give() {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    },
  };
}
