import ipaddr from 'ipaddr.js';
import { addressNotAllowed, type StoreError } from './errors.ts';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
export type Ranges = [Address, number][];

/** Addresses where clouds answer with credentials of the node, beside the link-local ones. */
const metadata = ['100.100.100.200', '168.63.129.16', '192.0.0.192', 'fd00:ec2::254', 'fd20:ce::254'];

const never = new Set(['unspecified', 'broadcast', 'multicast', 'linkLocal', 'teredo']);

/** Throws StoreError where the operator's setting is no list of CIDRs. */
export function parseRanges(cidrs: readonly string[]): Ranges {
  return cidrs.map((cidr) => {
    if (!ipaddr.isValidCIDR(cidr)) {
      throw addressNotAllowed(
        `The operator's allowed storage ranges contain ${JSON.stringify(cidr)}, which is no CIDR.`,
      );
    }
    return ipaddr.parseCIDR(cidr);
  });
}

/** The IPv4 address that an IPv6 one stands for: mapped, compatible, NAT64 or 6to4. */
function embedded(address: Address): Address {
  if (address.kind() === 'ipv4') return address;
  const bytes = address.toByteArray();
  const from = (start: number): Address => ipaddr.fromByteArray(bytes.slice(start, start + 4));
  const low = bytes.slice(0, 10).every((byte) => byte === 0);
  const isMapped = low && bytes[10] === 0xff && bytes[11] === 0xff;
  const isCompatible = low && bytes[10] === 0 && bytes[11] === 0 && bytes.slice(12, 15).some((byte) => byte !== 0);
  const isNat64 = bytes[0] === 0 && bytes[1] === 0x64 && bytes[2] === 0xff && bytes[3] === 0x9b;
  if (isMapped || isCompatible || isNat64) return from(12);
  return bytes[0] === 0x20 && bytes[1] === 0x02 ? from(2) : address;
}

const isWithin = (address: Address, ranges: Ranges): boolean =>
  ranges.some(([range, bits]) => range.kind() === address.kind() && address.match([range, bits] as never));

/**
 * Why no connection may be made to an address; undefined where it may. Link-local, metadata, unspecified and multicast
 * addresses are refused whatever is allowed; every other address that is not public needs a range that contains it.
 */
export function refusal(host: string, text: string, allowed: Ranges): StoreError | undefined {
  // A zone ("fe80::1%eth0") belongs to link-local addresses only.
  const bare = text.split('%', 1)[0] ?? '';
  if (!ipaddr.isValid(bare)) return addressNotAllowed(`${host} has no address that can be checked.`);
  const address = embedded(ipaddr.parse(bare));
  const range = address.range();
  const where = host === text ? text : `${host} (${text})`;
  if (metadata.some((known) => ipaddr.parse(known).toNormalizedString() === address.toNormalizedString())) {
    return addressNotAllowed(`${where} is the metadata address of a cloud: nothing is read from there or written to.`);
  }
  if (never.has(range)) {
    return addressNotAllowed(`${where} is in the ${range} range: nothing is read from there or written to.`);
  }
  if (range === 'unicast' || isWithin(address, allowed)) return undefined;
  return addressNotAllowed(
    `${where} is in the ${range} range, which the operator does not allow. An administrator can list it in ` +
      "runtime.storage.allowedCidrs of the operator's chart.",
  );
}
