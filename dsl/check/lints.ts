// What is declared and never used.

import { mentions } from "./mentions.js";
import type { World } from "./site.js";

export function lintUnused({ declared, used, report }: World): void {
  const elsewhere = mentions(declared.tests);
  for (const { name } of declared.traits.values()) {
    if (!used.has(name.text) && !elsewhere.has(name.text)) report("W0001", name.span, `nothing uses the trait "${name.text}"`);
  }
  for (const { declared: name } of declared.events.values()) {
    if (name !== null && !used.has(name.text) && !elsewhere.has(name.text)) report("W0002", name.span, `nothing uses the event "${name.text}"`);
  }
  for (const { name } of declared.channels.values()) {
    if (!used.has(name.text) && !elsewhere.has(name.text)) report("W0003", name.span, `nothing uses the channel "${name.text}"`);
  }
}
