/**
 * What keeps web pages away from a port of this machine.
 *
 * A browser lets any page send requests to 127.0.0.1. It asks first (preflight) where the content type is none of a form's,
 * and events have such a type, so that a strange page can neither send nor read. What is left is a page whose own name was
 * made to lead here (DNS rebinding): then the browser takes us for the page's own server. Its requests name that server, in
 * `Host` and, where they send something, in `Origin`.
 *
 * So: a request with an Origin sends no events, and a port on loopback answers only to names of this machine. A port on
 * other addresses has names that we cannot know; it is for a network that is trusted, or a proxy.
 */
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";

import { HttpRefusal } from "./answers.js";

/** Whether a host that one listens on is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || /^127(?:\.\d{1,3}){3}$/.test(host) || /^(?:::1|::ffff:127(?:\.\d{1,3}){3})$/i.test(host);
}

/** Throws HttpRefusal (421) for a request that was meant for another server. `host`: what is listened on. */
export function refuseStrangeHost(headers: IncomingHttpHeaders, host: string): void {
  // A browser always says it; HTTP/1.0 and some probes do not.
  if (headers.host === undefined || headers.host === "" || !isLoopback(host)) return;
  const name = nameOf(headers.host);
  if (isIP(name) !== 0 || name === "localhost" || name === host.toLowerCase()) return;
  throw new HttpRefusal(421, "this port answers to localhost and to addresses only, not to other names: a proxy in front of it must send Host: localhost", {}, { connection: "close" });
}

/** Without port and brackets, in small letters. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}

/** Throws HttpRefusal (403) where a web page sends. */
export function refusePages(headers: IncomingHttpHeaders): void {
  if (headers.origin === undefined) return;
  throw new HttpRefusal(403, "web pages cannot send events here: a service of yours must, which knows who may", {}, { connection: "close" });
}
