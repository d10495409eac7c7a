/**
 * Which member ought to have which partition: rendezvous hashing with bounded loads.
 *
 * Every pair of partition and member has a weight, a hash of both; pairs are taken in order of their weights, and a partition
 * goes to the first member that has room. Everybody who knows the same members comes to the same answer, whatever order they
 * are listed in; the shares differ by one partition at most; and a member that joins or leaves moves little beside its own
 * share (a few partitions, since the others' bounds change too).
 *
 * Rendezvous hashing: Thaler and Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM Transactions on
 * Networking 6 (1998). Bounded loads: Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads", SODA 2018
 * (arXiv 1608.01350); here with the tightest bound, floor and ceiling of the mean, since partitions are few.
 */
import { hash64, type Hash64 } from "./hash.js";

interface Pair extends Hash64 {
  readonly partition: number;
  readonly member: string;
}

/** By partition: the id of the member that ought to have it. No member: nobody ought to have any. */
export function shares(partitions: number, members: Iterable<string>): readonly string[] {
  const ids = [...new Set(members)].sort();
  if (ids.length === 0) return [];
  const pairs: Pair[] = [];
  for (const member of ids) {
    for (let partition = 0; partition < partitions; partition++) {
      const pair = { high: 0, low: 0, partition, member };
      hash64(`${partition} ${member}`, 0, pair);
      pairs.push(pair);
    }
  }
  pairs.sort((a, b) => b.high - a.high || b.low - a.low || a.partition - b.partition || (a.member < b.member ? -1 : 1));
  const least = Math.floor(partitions / ids.length);
  /** So many may have one more. */
  let larger = partitions % ids.length;
  const loads = new Map<string, number>();
  const owners = new Array<string>(partitions).fill("");
  for (const { partition, member } of pairs) {
    const load = loads.get(member) ?? 0;
    if (owners[partition] !== "" || load > least || (load === least && larger === 0)) continue;
    if (load === least) larger--;
    owners[partition] = member;
    loads.set(member, load + 1);
  }
  return owners;
}
