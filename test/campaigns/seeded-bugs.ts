import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

interface SeededBug {
  what: string;
  file: string;
  /** Occurs exactly once in the file. */
  from: string;
  to: string;
  /** The suite and file that must notice. */
  caughtBy: [suite: string, file: string];
}

/** Bugs of the kinds that operators have had, each put in on purpose. */
const bugs: SeededBug[] = [
  {
    what: 'children carry no owner reference, so deletion leaves them behind',
    file: 'operator/core/metadata.ts',
    from: 'ownerReferences: [controllerReference(owner)],',
    to: '',
    caughtBy: ['golden', 'test/golden'],
  },
  {
    what: "somebody else's object is applied over",
    file: 'operator/kube/apply.ts',
    from: ': judgeForeign(desired, found, owner);',
    to: ': compare(desired, found);',
    caughtBy: ['kube', 'test/kube/execute'],
  },
  {
    what: 'drift made by hand is not seen',
    file: 'operator/kube/apply.ts',
    from: '=== hash && within(desired, observed))',
    to: '=== hash)',
    caughtBy: ['kube', 'test/kube/execute'],
  },
  {
    what: 'what is no longer wanted is not removed',
    file: 'operator/kube/execute.ts',
    from: 'await removeAll(plan.remove, known, shell, signal);',
    to: '',
    caughtBy: ['kube', 'test/kube/execute'],
  },
  {
    what: 'the revision ignores what shapes the pod, so a change rolls nothing out',
    file: 'operator/core/metadata.ts',
    from: 'sha256(utf8ToBytes(canonical(shape)))',
    to: 'sha256(utf8ToBytes(canonical(typeof shape)))',
    caughtBy: ['golden', 'test/golden'],
  },
];

/** @returns what the copy's tests ended with */
async function testsOf(copy: string, [suite, file]: SeededBug['caughtBy']): Promise<number | null> {
  const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
  const child = spawn(process.execPath, [...jest, '--selectProjects', suite, '--', file], {
    cwd: copy,
    stdio: 'ignore',
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
}

/** Puts each bug into a copy of the tree. @returns whether its test noticed every one, and none without a bug */
export async function seededBugs(say: (line: string) => void): Promise<boolean> {
  const copy = await mkdtemp(join(tmpdir(), 'modelyard-seeded-'));
  try {
    await cp(root, copy, {
      recursive: true,
      filter: (path) => !/\/(node_modules|\.git|\.modelyard|coverage)$/.test(path),
    });
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
    let killed = 0;
    const sound = new Map<string, boolean>();
    for (const { what, file, from, to, caughtBy } of bugs) {
      const suite = caughtBy.join(' ');
      if (!sound.has(suite)) sound.set(suite, (await testsOf(copy, caughtBy)) === 0);
      const path = join(copy, file);
      const text = await readFile(path, 'utf8');
      if (text.split(from).length !== 2) throw new Error(`${file} no longer holds once: ${from}`);
      await writeFile(
        path,
        text.replace(from, () => to),
      );
      const caught = sound.get(suite) === true && (await testsOf(copy, caughtBy)) === 1;
      await writeFile(path, text);
      killed += caught ? 1 : 0;
      say(
        `${caught ? 'caught' : 'MISSED'}  ${what} (${suite}${sound.get(suite) === true ? '' : ', which fails without it'})`,
      );
    }
    say(`Seeded bugs: ${killed} of ${bugs.length} caught`);
    return killed === bugs.length;
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
