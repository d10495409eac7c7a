// A syntax tree as lines of text, each node with the text that its span covers: one golden shows tree and spans.

type Plain = null | string | number | boolean | readonly Plain[] | { readonly [key: string]: Plain };

interface Span {
  readonly start: number;
  readonly end: number;
}

export function treeText(node: unknown, source: string): string {
  return lines(node as Plain, source, "").join("\n");
}

function lines(node: Plain, source: string, indent: string): string[] {
  if (node === null || typeof node !== "object") return [`${indent}${JSON.stringify(node)}`];
  if (Array.isArray(node)) return node.length === 0 ? [`${indent}[]`] : node.flatMap((item: Plain) => lines(item, source, indent));
  const { k, span, ...fields } = node as { readonly [key: string]: Plain };
  if (k === undefined) return [`${indent}${String(fields["text"])} ${covered(span as unknown as Span, source)}`];
  const simple = Object.values(fields).every((value) => value === null || typeof value !== "object");
  if (simple) return [`${indent}${[String(k), ...Object.values(fields).map((value) => JSON.stringify(value))].join(" ")} ${covered(span as unknown as Span, source)}`];
  const head = `${indent}${String(k)} ${covered(span as unknown as Span, source)}`;
  return [head, ...Object.entries(fields).flatMap(([name, value]) => field(name, value, source, `${indent}  `))];
}

function field(name: string, value: Plain, source: string, indent: string): string[] {
  if (value === null) return [];
  if (typeof value !== "object" || (Array.isArray(value) && value.length === 0)) return [`${indent}${name}: ${JSON.stringify(value)}`];
  const below = lines(value, source, `${indent}  `);
  return below.length === 1 ? [`${indent}${name}: ${below[0]?.trim() ?? ""}`] : [`${indent}${name}:`, ...below];
}

const LONGEST = 60;
function covered({ start, end }: Span, source: string): string {
  const text = source.slice(start, end).replace(/\s+/g, " ");
  return `<${text.length > LONGEST ? `${text.slice(0, LONGEST / 2)} … ${text.slice(-LONGEST / 2)}` : text}>`;
}
