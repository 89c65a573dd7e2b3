import { describe } from '@jest/globals';
import { laptopPlatform } from './laptop-platform.ts';
import { behaviour } from './scenarios.ts';

describe('laptop', () => behaviour(() => Promise.resolve(laptopPlatform())));
