/** What plain NATS subscribers get, kept as it comes; a test waits for a message instead of sleeping. */
import { setTimeout as later } from "node:timers";
import type { NatsLink } from "../../connectors/nats/connect.js";

export interface Message {
  readonly subject: string;
  /** The CloudEvent. */
  readonly event: {
    readonly id: string;
    readonly type: string;
    readonly subject?: string;
    readonly time: string;
    readonly rule?: string;
    readonly cause?: string;
    readonly data: { readonly [name: string]: unknown };
  };
}

export interface Listener {
  readonly heard: readonly Message[];
  /** The first message for which it holds, heard already or still to come; rejects in time. */
  message(what: string, holds: (message: Message) => boolean, withinMs?: number): Promise<Message>;
}

/** Longer than anything takes, also where the machine has much else to do. */
const WITHIN_MS = 60_000;

export function listen({ nc }: NatsLink, ...subjects: readonly string[]): Listener {
  const heard: Message[] = [];
  const waiting = new Set<() => void>();
  for (const subject of subjects) {
    nc.subscribe(subject, {
      callback: (_error, message) => {
        heard.push({ subject: message.subject, event: message.json() as Message["event"] });
        for (const look of [...waiting]) look();
      },
    });
  }
  return {
    heard,
    message: (what, holds, withinMs = WITHIN_MS) => new Promise((resolve, reject) => {
      const timer = later(() => {
        waiting.delete(look);
        reject(new Error(`waited ${withinMs / 1000} s in vain for ${what}; heard: ${heard.map(({ subject }) => subject).join(" ")}`));
      }, withinMs);
      const look = (): void => {
        const found = heard.find(holds);
        if (found === undefined) return;
        clearTimeout(timer);
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    }),
  };
}
