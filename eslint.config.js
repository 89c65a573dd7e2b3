import js from '@eslint/js';
import { importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/**
 * The dependency rule of docs/architecture.md: each folder names the folders it must not reach.
 * core → api, runtime/contract; controllers → core, kube; kube → lib; cli → controllers, kube, api; runtime → lib.
 */
const zone = (target, from, message) => ({ target, from, message });
const zones = [
  zone('./operator', './cli', 'nothing imports cli'),
  zone('./operator', './runtime/!(contract.ts)', 'the operator knows the runtime only by runtime/contract.ts'),
  zone('./operator/kube', ['./operator/api', './operator/controllers', './operator/core/!(plan.ts)'], 'operator/kube knows no kind of ours'),
  zone('./operator/core', ['./operator/controllers', './operator/kube/!(object.ts|definition.ts)', './lib'], 'operator/core is pure'),
  zone('./operator/api', ['./operator/core', './operator/controllers', './operator/kube/!(object.ts)'], 'operator/api holds types and admission'),
  zone('./runtime', ['./operator', './cli', './client'], 'the runtime stands alone'),
  zone('./client', ['./operator', './cli', './runtime/!(contract.ts|proto)'], 'the client stands alone'),
  zone('./lib', ['./operator', './runtime', './cli', './client'], 'lib is what both share'),
];

const impure = [
  { selector: "MemberExpression[object.name='Date'][property.name='now']", message: 'time comes in as an argument' },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'time comes in as an argument' },
  { selector: "MemberExpression[object.name='Math'][property.name='random']", message: 'randomness comes in as an argument' },
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
      'no-restricted-imports': ['error', { patterns: [{ group: ['node:*', 'pino', '@kubernetes/*', 'undici'], message: 'operator/core is pure' }] }],
      'no-restricted-globals': ['error', 'process', 'fetch', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'crypto'],
      'no-restricted-syntax': ['error', ...impure],
    },
  },
  {
    files: ['**/*.js'],
    languageOptions: { globals: Object.fromEntries(['process', 'console', 'URL', 'Buffer'].map((name) => [name, 'readonly'])) },
  },
);
