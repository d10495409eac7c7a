// Which names a piece of the syntax tree mentions, whatever they mean there.

const isNode = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null;

/** All bare names in it: of expressions, events, channels, segments. Without recursion. */
export function mentions(root: unknown, leavesOut: (node: object) => boolean = () => false): ReadonlySet<string> {
  const found = new Set<string>();
  const waiting: unknown[] = [root];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (Array.isArray(next)) for (const item of next) waiting.push(item);
    else if (isNode(next) && !leavesOut(next)) {
      if (isName(next)) found.add(next.text);
      for (const [key, part] of Object.entries(next)) if (key !== "span" && isNode(part)) waiting.push(part);
    }
  }
  return found;
}

// A Name is the only node without a kind.
const isName = (value: Readonly<Record<string, unknown>>): value is Readonly<Record<string, unknown>> & { readonly text: string } =>
  !("k" in value) && typeof value["text"] === "string";
