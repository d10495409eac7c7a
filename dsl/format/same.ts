// Whether two trees mean the same: all is equal but the spans.

export function sameMeaning(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => sameMeaning(item, b[i]));
  }
  const [left, right] = [Object.entries(a).filter(meant), new Map(Object.entries(b).filter(meant))];
  return left.length === right.size && left.every(([key, value]) => right.has(key) && sameMeaning(value, right.get(key)));
}

const meant = ([key]: readonly [string, unknown]): boolean => key !== "span";
