import { describe, expect, test } from '@jest/globals';
import { createLog, type LogLevel } from '../../../lib/log.ts';

function logging(level: LogLevel) {
  const lines: Record<string, unknown>[] = [];
  const log = createLog('test', level, { write: (line) => void lines.push(JSON.parse(line) as (typeof lines)[0]) });
  return { lines, log };
}

describe('createLog', () => {
  test('writes JSON lines with the time in RFC 3339 and the level as a word', () => {
    const { lines, log } = logging('info');
    log.info({ key: 'n/x' }, 'done');
    expect(lines).toEqual([expect.objectContaining({ name: 'test', level: 'info', msg: 'done', key: 'n/x' })]);
    expect(lines[0]?.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test('writes an error with its stack, its code and its cause', () => {
    const { lines, log } = logging('info');
    const error = Object.assign(new Error('broken', { cause: new Error('deeper') }), { code: 'Broken' });
    log.error({ err: error }, 'failed');
    expect(lines[0]?.err).toMatchObject({ message: expect.stringContaining('broken') as unknown, code: 'Broken' });
    const { stack } = lines[0]?.err as { stack: string };
    expect(stack).toContain('log.test.ts');
    expect(stack).toContain('deeper');
  });

  test.each<[LogLevel, string[]]>([
    ['warn', ['c', 'd']],
    ['silent', []],
  ])('at %s leaves out what weighs less', (level, written) => {
    const { lines, log } = logging(level);
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    expect(lines.map(({ msg }) => msg)).toEqual(written);
  });
});
