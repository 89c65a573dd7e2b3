import type { TrainingJobFile } from '../training-contract.ts';

/** The first 16 digits of `sha256:HEX`, for the names of files. */
export const shortDigest = (digest: string): string => digest.slice('sha256:'.length, 'sha256:'.length + 16);

/** Tells a job from all others, as part of a path: one of the same name with another spec is another job. */
export const jobIdentity = ({ namespace, name, specHash }: TrainingJobFile): string =>
  `${namespace}.${name}.${shortDigest(specHash)}`;
