// Texts in what is sent: `"Hi {profile.first_name}"` is sent as it stands. A lint of what is written.

import type * as ast from "../ast.js";
import type { Site } from "./site.js";

const BRACED = /\$?\{\{?\s*([A-Za-z_][A-Za-z_0-9]*)((?:\.[A-Za-z_][A-Za-z_0-9]*)*)\s*\}/;

/** Of a template's name, an emitted name or anything in a payload. Whatever else has braces is somebody else's. */
export function lintTexts(site: Site, written: ast.Expression | ast.StringLiteral | null): void {
  if (written === null) return;
  switch (written.k) {
    case "string": return lintText(site, written);
    case "object": return written.entries.forEach(({ value }) => lintTexts(site, value));
    case "list": return written.items.forEach((item) => lintTexts(site, item));
    case "binary":
      lintTexts(site, written.left);
      return lintTexts(site, written.right);
    case "choose":
      lintTexts(site, written.then);
      return lintTexts(site, written.else);
    default: return;
  }
}

function lintText(site: Site, { value, span }: ast.StringLiteral): void {
  const [, root, path] = BRACED.exec(value) ?? [];
  if (root === undefined || path === undefined) return;
  const field = site.world.declared.profile.fields.some(({ name }) => name === root);
  if (!field && !isKnown(site, root, path)) return;
  const meant = path !== "" || isNamed(site, root) ? `${root}${path}` : field ? `profile.${root}` : `event.${root}`;
  site.world.report("W0019", span, "texts are sent as they are, with their braces", { label: `give the payload a field: \`${meant.split(".").at(-1) ?? root}: ${meant}\`` });
}

function isKnown({ world, captured, start }: Site, root: string, path: string): boolean {
  if (root === "profile" || root === "event" || captured.has(root)) return path !== "";
  if (path !== "") return false;
  return isNamed({ world }, root) || start?.type?.fields.some(({ name }) => name === root) === true;
}

const isNamed = ({ world }: Pick<Site, "world">, name: string): boolean => ["trait", "points", "tier"].includes(world.declared.names.get(name) ?? "");
