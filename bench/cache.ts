import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where what benchmarks build or fetch once is kept. */
export const cacheFolder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'modelyard', 'bench');
