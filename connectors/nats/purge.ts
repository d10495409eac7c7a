/**
 * What streams hold of one customer, removed message by message.
 *
 * Not with one purge by subject: nats-server 2.9.10 then lets nobody publish while it looks through the stream, 0.8 to 1.3 s on
 * one of 500,000 messages (2 cores; bench of the same day: deleting what was found one by one, nobody waited longer than
 * 20 ms, and once, with cold files, 230 ms). So messages are looked for by subject and deleted one at a time, with a pause behind each.
 *
 * Deleted messages are overwritten on the disk (`no_erase: false`).
 */
import { isEventOf } from "../../engine/subjects.js";
import type { Purge } from "../purge.js";
import { ApiRefused, deleteMessage, findStream, lastMessage, nextMessage } from "./api.js";
import type { NatsLink } from "./connect.js";
import { EVENTS_STREAM, GATHERED, outputStream } from "./streams.js";

/** `pause` is called behind every message. */
export function natsPurge(link: NatsLink, pause: () => Promise<void>): Purge {
  return {
    async events(token, before) {
      let removed = 0;
      for (let from = 1; ;) {
        const message = await nextMessage(link, EVENTS_STREAM, from, `events.*.${token}`);
        if (message === null || message.seq >= before) return removed;
        if (isEventOf(message.subject, token) && await deleteMessage(link, EVENTS_STREAM, message.seq)) removed++;
        from = message.seq + 1;
        await pause();
      }
    },

    async outputs(partition, numbers) {
      let removed = 0;
      for (const number of numbers) {
        if (await deleteMessage(link, outputStream(partition), number)) removed++;
        await pause();
      }
      return removed;
    },

    async copies(partition, isTheirs) {
      const unreached: string[] = [];
      let [removed, left] = [0, 0];
      for (const { stream, kind } of GATHERED) {
        try {
          if (await findStream(link, stream) === null) continue;
          const subject = `${kind}.${partition}.>`;
          const newest = (await lastMessage(link, stream, subject))?.seq ?? 0;
          for (let from = 1; ;) {
            const message = await nextMessage(link, stream, from, subject);
            if (message === null || message.seq > newest) break;
            from = message.seq + 1;
            if (!isTheirs({ subject: message.subject, body: Buffer.from(message.data ?? "", "base64").toString("utf8") })) continue;
            if (message.seq === newest) left++;
            else if (await deleteMessage(link, stream, message.seq)) removed++;
            await pause();
          }
        } catch (error) {
          if (!(error instanceof ApiRefused)) throw error;
          unreached.push(`${stream}: ${error.description}`);
        }
      }
      return { removed, left, unreached };
    },
  };
}
