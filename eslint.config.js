import js from '@eslint/js';
import { importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/**
 * The dependency rule of docs/architecture.md: each folder names the folders it must not reach.
 * core → api, runtime/contract; controllers → core, kube; kube → lib; cli → controllers, kube, api; runtime → lib;
 * runtime/serving, runtime/training → runtime/store; runtime/explain, runtime/training → runtime/numeric.
 */
const zones = [
  { target: './operator', from: './cli/**', message: 'nothing imports cli' },
  {
    target: './operator',
    from: './runtime/!(contract|training-contract).ts',
    message: 'the operator knows the runtime only by its contract',
  },
  { target: './operator', from: './runtime/*/**', message: 'the operator knows the runtime only by its contract' },
  {
    target: './operator/kube',
    from: './operator/{api,controllers}/**',
    message: 'operator/kube knows no kind of ours',
  },
  { target: './operator/kube', from: './operator/core/!(plan.ts)', message: 'operator/kube knows no kind of ours' },
  { target: './operator/kube', from: './operator/core/*/**', message: 'operator/kube knows no kind of ours' },
  { target: './operator/core', from: './operator/controllers/**', message: 'operator/core is pure' },
  { target: './operator/core', from: './operator/kube/!(object|definition).ts', message: 'operator/core is pure' },
  { target: './operator/core', from: './lib/**', message: 'operator/core is pure' },
  {
    target: './operator/api',
    from: './operator/{core,controllers}/**',
    message: 'operator/api holds types and admission',
  },
  { target: './operator/api', from: './operator/kube/!(object).ts', message: 'operator/api holds types and admission' },
  { target: './runtime', from: './{operator,cli,client}/**', message: 'the runtime stands alone' },
  {
    target: './runtime/store',
    from: './runtime/{serving,training}/**',
    message: 'the store knows neither serving nor training',
  },
  {
    target: './runtime/numeric',
    from: './runtime/{explain,serving,store,training}/**',
    message: 'runtime/numeric is what the others compute with',
  },
  {
    target: './runtime/explain',
    from: './runtime/{serving,store,training}/**',
    message: 'explanations know a model only as a function',
  },
  { target: './client', from: './{operator,cli}/**', message: 'the client stands alone' },
  { target: './client', from: './runtime/!(contract.ts)', message: 'the client stands alone' },
  {
    target: './client',
    from: './runtime/{explain,numeric,serving,store,training}/**',
    message: 'the client stands alone',
  },
  { target: './lib', from: './{operator,runtime,cli,client}/**', message: 'lib is what the others share' },
  { target: './{operator,runtime,client,lib}', from: './**/main.ts', message: 'nothing imports a main' },
];

const impure = [
  { selector: "MemberExpression[object.name='Date'][property.name='now']", message: 'time comes in as an argument' },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'time comes in as an argument' },
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: 'randomness comes in as an argument',
  },
];

export default tseslint.config(
  { ignores: ['node_modules/', 'coverage/', '**/*.gen.ts', '.modelyard/', 'bench/results/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    rules: {
      'import-x/no-default-export': 'error',
      'import-x/no-restricted-paths': ['error', { zones }],
      'max-lines': ['error', { max: 450 }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: 'error',
    },
  },
  {
    files: ['operator/core/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['node:*', 'pino', '@kubernetes/*', 'undici'], message: 'operator/core is pure' }] },
      ],
      'no-restricted-globals': [
        'error',
        'process',
        'fetch',
        'setTimeout',
        'setInterval',
        'setImmediate',
        'queueMicrotask',
        'crypto',
      ],
      'no-restricted-syntax': ['error', ...impure],
    },
  },
  {
    files: ['**/*.js'],
    languageOptions: {
      globals: Object.fromEntries(['process', 'console', 'URL', 'Buffer'].map((name) => [name, 'readonly'])),
    },
  },
);
