import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';

/** Files that talk to a real kube-apiserver. */
const onRealApiServer = [/^test\/cluster\//, /^test\/e2e\/lifecycle/, /^test\/behaviour\/kwok/];

/** Prints, at the end of a run, each suite's counts, and which files ran on a real API server. */
export default class {
  onRunComplete(_contexts, results) {
    const suites = new Map();
    const real = [];
    for (const file of results.testResults) {
      const path = relative(process.cwd(), file.testFilePath);
      const name = file.displayName?.name ?? 'tests';
      const sum = suites.get(name) ?? { passed: 0, failed: 0, skipped: 0 };
      sum.passed += file.numPassingTests;
      sum.failed += file.numFailingTests + (file.testExecError ? 1 : 0);
      sum.skipped += file.numPendingTests + file.numTodoTests;
      suites.set(name, sum);
      if (onRealApiServer.some((pattern) => pattern.test(path)) && file.numPassingTests > 0) real.push(path);
    }
    const lines = ['', 'Suites'];
    for (const [name, { passed, failed, skipped }] of suites) {
      lines.push(`  ${name.padEnd(10)} ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
    }
    lines.push(
      real.length > 0 ? 'On a real kube-apiserver:' : 'No suite ran on a real kube-apiserver.',
      ...real.sort().map((path) => `  ${path}`),
    );
    console.log(lines.join('\n'));
    const counts = process.env.MODELYARD_TEST_COUNTS;
    if (counts)
      for (const { passed, failed, skipped } of suites.values())
        appendFileSync(counts, `${passed} ${failed} ${skipped}\n`);
  }
}
