import { CliError } from '../errors.ts';
import { faultLines, judge, readDocuments } from '../documents.ts';
import type { Terminal } from '../terminal.ts';

/** Says of each document whether a cluster would take it. @throws CliError BadFile, InvalidObject */
export async function validate(terminal: Terminal, files: string[]): Promise<void> {
  let faults: string[] = [];
  for (const file of files) {
    for (const judged of (await readDocuments(file, terminal.stdin)).map(judge)) {
      const { where, object } = judged;
      faults = [...faults, ...faultLines(judged)];
      if (judged.faults.length === 0) terminal.print(`${where}: ${object.kind} ${object.metadata.name} is valid`);
    }
  }
  if (faults.length > 0) throw new CliError('InvalidObject', faults.join('\n'));
}
