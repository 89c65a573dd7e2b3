const transform = {
  '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }],
};

/** One jest project for each suite, so that `--selectProjects` runs one and every report names its suite. */
const suite = (name, extra = {}) => ({
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  testEnvironment: './test/support/jest-environment.js',
  extensionsToTreatAsEsm: ['.ts'],
  transform,
  ...extra,
});

export default {
  projects: [
    'unit',
    'golden',
    'kube',
    'runtime',
    'client',
    'interop',
    'local',
    'behaviour',
    'cluster',
    'e2e',
    'gpu',
  ].map((name) => suite(name)),
  reporters: ['default', './test/support/reporter.js'],
  testTimeout: 120_000,
};
