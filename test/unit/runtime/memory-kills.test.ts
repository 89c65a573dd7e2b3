import { expect, test } from '@jest/globals';
import { memoryKills } from '../../../runtime/serving/memory-kills.ts';

const reading =
  (files: Record<string, string>) =>
  (file: string): string => {
    const text = files[file];
    if (text === undefined) throw new Error('ENOENT');
    return text;
  };

test('counts the kills of a control group of version 2', () => {
  const events = 'low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n';
  expect(memoryKills(reading({ '/sys/fs/cgroup/memory.events': events }))).toBe(2);
});

test('counts the kills of a control group of version 1', () => {
  const control = 'oom_kill_disable 0\nunder_oom 0\noom_kill 5\n';
  expect(memoryKills(reading({ '/sys/fs/cgroup/memory/memory.oom_control': control }))).toBe(5);
});

test('counts nothing where the kernel does not say', () => {
  expect(memoryKills(reading({}))).toBe(0);
});
