import { adminPaths } from '../../runtime/contract.ts';

/** The value of one series of a metrics page by the start of its line, such as `name{label="value"`; 0 where it is not there. */
export async function scraped(admin: string, series: string): Promise<number> {
  const page = await (await fetch(`${admin}${adminPaths.metrics}`)).text();
  const line = page.split('\n').find((candidate) => candidate.startsWith(series));
  return Number(line?.slice(line.lastIndexOf(' ')) ?? 0);
}
