import { stripVTControlCharacters } from 'node:util';
import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { outputTo } from '../../../cli/output.ts';

/** A stream that keeps what is written to it. */
function recording(properties: object): { stream: NodeJS.WriteStream; text: () => string } {
  let text = '';
  const write = (chunk: Buffer, _encoding: string, done: () => void): void => {
    text += chunk.toString();
    done();
  };
  const stream = Object.assign(new Writable({ write }), properties) as unknown as NodeJS.WriteStream;
  return { stream, text: () => text };
}

describe('output to a screen', () => {
  test('prints above the live text, which stays the last thing on the screen until it is taken away', () => {
    const { stream, text } = recording({ isTTY: true, columns: 40, rows: 10 });
    const output = outputTo(stream);
    output.live?.('bar 10 %');
    output.print('a line');
    expect(stripVTControlCharacters(text()).trimEnd()).toMatch(/a line\s+bar 10 %$/);
    output.live?.('bar 20 %');
    output.write('part');
    expect(stripVTControlCharacters(text()).trimEnd()).toMatch(/part\s*bar 20 %$/);
    output.live?.('');
    output.print('the end');
    expect(stripVTControlCharacters(text()).trimEnd()).toMatch(/the end$/);
    expect(output.columns()).toBe(40);
  });

  test('erases the live text before it prints', () => {
    const { stream, text } = recording({ isTTY: true, columns: 40, rows: 10 });
    const output = outputTo(stream);
    output.live?.('bar');
    const before = text().length;
    output.print('a line');
    const added = text().slice(before);
    expect(added.indexOf('\u001B[2K')).toBeGreaterThanOrEqual(0);
    expect(added.indexOf('\u001B[2K')).toBeLessThan(added.indexOf('a line'));
  });
});

test('output to a file has no live text and no control characters', () => {
  const { stream, text } = recording({});
  const output = outputTo(stream);
  output.print('a line');
  output.write('part');
  expect(output.live).toBeUndefined();
  expect(text()).toBe('a line\npart');
  expect(output.columns()).toBe(100);
});
