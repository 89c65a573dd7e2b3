import { describe } from '@jest/globals';
import { kwokPlatform } from './kwok-platform.ts';
import { behaviour } from './scenarios.ts';

// The first run on a machine builds Kubernetes.
const buildMs = 40 * 60_000;

async function start() {
  const platform = await kwokPlatform();
  process.stderr.write(`The behaviour suite runs on ${platform.name}\n`);
  return platform;
}

describe('on a real kube-apiserver, KWOK playing the node', () => behaviour(start, buildMs));
