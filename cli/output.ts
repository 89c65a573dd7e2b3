import { createLogUpdate } from 'log-update';
import type { Terminal } from './terminal.ts';

/** What a stream without a screen is taken to show in one line. */
const defaultColumns = 100;

/** Output that keeps live text below what is printed, where the stream is a screen. */
export function outputTo(stream: NodeJS.WriteStream): Pick<Terminal, 'print' | 'write' | 'live' | 'columns'> {
  const columns = (): number => stream.columns || defaultColumns;
  const write = (text: string): void => void stream.write(text);
  if (!stream.isTTY) return { write, print: (text) => write(`${text}\n`), columns };
  const update = createLogUpdate(stream);
  let shown = '';
  const above = (text: string): void => {
    if (shown !== '') update.clear();
    write(text);
    if (shown !== '') update(shown);
  };
  return {
    write: above,
    print: (text) => above(`${text}\n`),
    columns,
    live: (text) => {
      if (text === '' && shown !== '') {
        update.clear();
        update.done();
      } else if (text !== '') update(text);
      shown = text;
    },
  };
}
