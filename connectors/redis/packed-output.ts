/**
 * An output as it lies in the outbox: a line `<cause> <bytes of the subject> <bytes of the id>`, then subject, id and
 * body directly behind each other. Readable in redis-cli, free of escapes (the body is JSON already, and quoting it
 * again would cost more than all the rest), and open to any content.
 */
import type { Output } from "../../engine/ports.js";
import { StoreRefused } from "../../engine/ports.js";

export function headOf({ cause, subject, id }: Output): string {
  return `${cause} ${Buffer.byteLength(subject)} ${Buffer.byteLength(id)}\n`;
}

/** Throws StoreRefused when the bytes are not an output as it lies in the outbox. */
export function unpackOutput(number: number, bytes: Buffer): Output {
  const end = bytes.indexOf(0x0a);
  const head = /^(\d+) (\d+) (\d+)$/.exec(bytes.toString("latin1", 0, Math.max(end, 0)));
  if (head === null) throw new StoreRefused(`output ${number} in the outbox is not readable`);
  const subjectEnd = end + 1 + Number(head[2]);
  const idEnd = subjectEnd + Number(head[3]);
  if (idEnd > bytes.length) throw new StoreRefused(`output ${number} in the outbox is cut off`);
  return {
    number,
    subject: bytes.toString("utf8", end + 1, subjectEnd),
    id: bytes.toString("utf8", subjectEnd, idEnd),
    cause: Number(head[1]),
    body: bytes.toString("utf8", idEnd),
  };
}
