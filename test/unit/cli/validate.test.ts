import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { validate } from '../../../cli/commands/validate.ts';
import { scriptedTerminal } from '../../support/terminal.ts';

const deployment = (spec: string): string =>
  `apiVersion: modelyard.dev/v1alpha1\nkind: ModelDeployment\nmetadata: { name: digits }\nspec: ${spec}\n`;
const good = deployment('{ model: { uri: "s3://models/digits/" } }');

async function verdict(text: string): Promise<{ printed: string[]; refusal: string }> {
  const terminal = scriptedTerminal(text);
  const refusal = await validate(terminal, ['-']).then(
    () => '',
    (error: unknown) => (error as Error).message,
  );
  return { printed: terminal.printed, refusal };
}

test.each(globSync('examples/**/*.yaml'))('a cluster takes %s', async (file) => {
  const { printed, refusal } = await verdict(readFileSync(file, 'utf8'));
  expect(refusal).toBe('');
  expect(printed).not.toEqual([]);
});

describe('validate', () => {
  test('says of each valid document where it stands and that it is valid', async () => {
    const { printed, refusal } = await verdict(`${good}---\n${good.replace('digits', 'other')}`);
    expect(refusal).toBe('');
    expect(printed).toEqual([
      'standard input, document 1 (line 1): ModelDeployment digits is valid',
      'standard input, document 2 (line 6): ModelDeployment other is valid',
    ]);
  });

  test('names document, line and field of every fault, also behind a valid document', async () => {
    const { printed, refusal } = await verdict(`${good}---\n${deployment('{ model: {}, replicas: -1 }')}`);
    expect(printed).toHaveLength(1);
    expect(refusal).toContain('standard input, document 2 (line 6): spec.replicas: ');
  });

  test('names a misspelt field', async () => {
    const { refusal } = await verdict(deployment('{ model: { uri: "s3://models/digits/" }, replica: 2 }'));
    expect(refusal).toContain('unknown field "spec.replica"');
  });

  test.each([
    ['', 'write a ModelDeployment or a TrainingJob into it'],
    ['---\n---\n', 'write a ModelDeployment or a TrainingJob into it'],
    ['just text', 'must be an object with apiVersion and kind'],
    ['a: [1', 'standard input, document 1'],
    ['kind: Gadget\napiVersion: v1\n', 'Gadget'],
  ])('refuses %j with the cure', async (text, cure) => {
    expect((await verdict(text)).refusal).toContain(cure);
  });

  test('says of a missing file that it is missing', async () => {
    await expect(validate(scriptedTerminal(), ['no-such.yaml'])).rejects.toThrow(
      'no-such.yaml: there is no such file; check the path given with -f',
    );
  });
});
