/**
 * An output as it lies in the folder, in the outbox and in the output log alike: cause (float64) · length of subject
 * (uint32) · length of id (uint32) · subject · id · body. The body is JSON already and is not quoted again.
 */
import type { Output } from "../../engine/ports.js";

const HEAD_BYTES = 16;

export function packOutput({ subject, id, cause, body }: Output): Buffer {
  const subjectBytes = Buffer.byteLength(subject);
  const idBytes = Buffer.byteLength(id);
  const packed = Buffer.allocUnsafe(HEAD_BYTES + subjectBytes + idBytes + Buffer.byteLength(body));
  packed.writeDoubleLE(cause, 0);
  packed.writeUInt32LE(subjectBytes, 8);
  packed.writeUInt32LE(idBytes, 12);
  packed.write(subject, HEAD_BYTES);
  packed.write(id, HEAD_BYTES + subjectBytes);
  packed.write(body, HEAD_BYTES + subjectBytes + idBytes);
  return packed;
}

export function unpackOutput(number: number, packed: Buffer): Output {
  const idAt = HEAD_BYTES + packed.readUInt32LE(8);
  const bodyAt = idAt + packed.readUInt32LE(12);
  return {
    number,
    subject: packed.toString("utf8", HEAD_BYTES, idAt),
    id: packed.toString("utf8", idAt, bodyAt),
    cause: packed.readDoubleLE(0),
    body: packed.toString("utf8", bodyAt),
  };
}
