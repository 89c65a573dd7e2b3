import { describe, expect, test } from '@jest/globals';
import { parseRanges, refusal } from '../../../runtime/store/addresses.ts';

const everything = parseRanges(['0.0.0.0/0', '::/0']);

describe('addresses that nothing is ever read from or written to, whatever is allowed', () => {
  test.each([
    '169.254.169.254',
    '169.254.0.1',
    'fe80::1',
    'fe80::1%eth0',
    'fd00:ec2::254',
    'fd20:ce::254',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    'ff02::1',
    '255.255.255.255',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '::169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    '2001:0:1::1',
    '::ffff:0.0.0.0',
    '::ffff:100.100.100.200',
  ])('%s', (address) => {
    expect(refusal(address, address, everything)?.code).toBe('AddressNotAllowed');
  });
});

describe('addresses that need a range which the operator allows', () => {
  test.each([
    ['127.0.0.1', '127.0.0.0/8'],
    ['::1', '::1/128'],
    ['10.1.2.3', '10.0.0.0/8'],
    ['172.16.0.1', '172.16.0.0/12'],
    ['192.168.1.1', '192.168.0.0/16'],
    ['100.64.0.1', '100.64.0.0/10'],
    ['fd12::1', 'fc00::/7'],
    ['::ffff:10.1.2.3', '10.0.0.0/8'],
  ])('%s', (address, range) => {
    expect(refusal(address, address, [])?.message).toContain('allowedCidrs');
    expect(refusal(address, address, parseRanges(['203.0.113.0/24']))).toBeDefined();
    expect(refusal(address, address, parseRanges([range]))).toBeUndefined();
  });
});

test.each(['93.184.216.34', '2606:2800:220:1::1'])('the public address %s needs no leave', (address) => {
  expect(refusal('example.org', address, [])).toBeUndefined();
});

test('a setting that is no CIDR is named', () => {
  expect(() => parseRanges(['10.0.0.0/8', 'lan'])).toThrow('"lan"');
});
