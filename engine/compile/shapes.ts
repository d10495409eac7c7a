/**
 * Generated functions that differ in nothing but constants become one: of five thousand rules that each look for another product,
 * V8 then knows one function, which is soon compiled to machine code, instead of five thousand that are seldom called
 * and each interpreted from memory that nothing else has touched for long.
 *
 *     function f7(x) { return x.row["item"] === "i17"; }   becomes   function make0(p0) { return function (x) { return x.row["item"] === p0; }; }
 *     function f8(x) { return x.row["item"] === "i18"; }             const f7 = make0("i17");
 *                                                                    const f8 = make0("i18");
 *
 * What becomes a parameter is what the text itself has as a whole: a literal, a constant `k[…]`, a function or span of one
 * aggregate. Names of fields stay, since a read of a field by a name that is known is the fastest; and so does what is the same in all.
 *
 * It works on text that emit.ts and next.ts have made: no comments, no templates, no regular expressions.
 */

/** `function name(…) { … }` */
export interface Definition {
  readonly name: string;
  readonly text: string;
}

/** Fewer than so many that are alike stay as they are: V8 does more for a function that has its constants in it. */
export const SHARED_FROM = 16;

/** Texts, names and numbers; all else is told apart by what lies between them. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[A-Za-z_$][\w$]*|\d+(?:\.\d+)?(?:e[+-]?\d+)?/g;
/** What stands for one aggregate, or one condition: it is defined before whoever uses it. */
const OF_ONE = /^(?:a|an|ab|e|m|s|z)\d+$/;
/** Items of lists: local names, which every function numbers on. */
const ITEM = /^i\d+$/;

interface Shape {
  /** What lies between the parameters: one more than there are parameters. */
  readonly between: readonly string[];
  readonly uses: { readonly name: string; readonly parameters: readonly string[] }[];
}

/** The text of the definitions, in an order in which each stands behind what it refers to as a parameter. */
export function shareShapes(definitions: readonly Definition[], least = SHARED_FROM): string {
  const shapes = new Map<string, Shape>();
  const shapeOf = new Map<Definition, Shape>();
  for (const definition of definitions) {
    const { between, parameters } = dissect(definition);
    // No text of a program holds this character unescaped.
    const key = between.join("\u0000");
    let shape = shapes.get(key);
    if (shape === undefined) shapes.set(key, (shape = { between, uses: [] }));
    shape.uses.push({ name: definition.name, parameters });
    shapeOf.set(definition, shape);
  }
  const made = new Map<Shape, Made>();
  const lines: string[] = [];
  for (const definition of definitions) {
    const shape = shapeOf.get(definition) as Shape;
    if (shape.uses.length < least) {
      lines.push(definition.text);
      continue;
    }
    let one = made.get(shape);
    if (one === undefined) {
      made.set(shape, (one = maker(shape, `make${made.size}`)));
      lines.push(one.text);
    }
    lines.push(`const ${definition.name} = ${one.calls.get(definition.name) as string};`);
  }
  return lines.join("\n");
}

function dissect({ name, text }: Definition): { readonly between: readonly string[]; readonly parameters: readonly string[] } {
  const body = text.slice(text.indexOf("(", `function ${name}`.length));
  const items = new Map<string, string>();
  const between: string[] = [];
  const parameters: string[] = [];
  let gap = "";
  let at = 0;
  TOKEN.lastIndex = 0;
  for (let found = TOKEN.exec(body); found !== null; found = TOKEN.exec(body)) {
    const token = found[0];
    const from = found.index;
    gap += body.slice(at, from);
    at = from + token.length;
    const end = token === "k" && body[at] === "[" ? body.indexOf("]", at) + 1 : at;
    if (end > at || (isVariable(token) && !isProperty(body, from, at))) {
      between.push(gap);
      gap = "";
      parameters.push(body.slice(from, end));
      at = end;
      TOKEN.lastIndex = end;
    } else if (ITEM.test(token)) {
      const known = items.get(token) ?? `i${items.size}`;
      items.set(token, known);
      gap += known;
    } else gap += token;
  }
  between.push(gap + body.slice(at));
  return { between, parameters };
}

const isVariable = (token: string): boolean => token.startsWith('"') || /^\d/.test(token) || OF_ONE.test(token);

/** `["price"]`, or what follows a dot. */
function isProperty(body: string, from: number, to: number): boolean {
  return body[from - 1] === "." || (body[from] === '"' && body[from - 1] === "[" && body[to] === "]");
}

interface Made {
  readonly text: string;
  readonly calls: ReadonlyMap<string, string>;
}

function maker({ between, uses }: Shape, name: string): Made {
  const columns = (uses[0]?.parameters ?? []).map((_, column) => uses.map(({ parameters }) => parameters[column] as string));
  /** By column: its text in the function, the same for columns that are the same throughout. */
  const known = new Map<string, string>();
  const varying: string[][] = [];
  const shown = columns.map((column) => {
    if (column.every((text) => text === column[0])) return column[0] as string;
    const key = column.join("\u0000");
    let parameter = known.get(key);
    if (parameter === undefined) {
      known.set(key, (parameter = `p${varying.length}`));
      varying.push(column);
    }
    return parameter;
  });
  const body = between.map((text, i) => text + (shown[i] ?? "")).join("");
  const parameters = varying.map((_, i) => `p${i}`).join(", ");
  return {
    text: `function ${name}(${parameters}) { return function ${body}; }`,
    calls: new Map(uses.map((use, row) => [use.name, `${name}(${varying.map((column) => column[row]).join(", ")})`])),
  };
}
