/** Which failures are a person's to mend. */
import { expect, test } from "vitest";
import { explain } from "../../cli/exit.js";
import { StateCorrupt } from "../../engine/codec.js";
import { readMeta } from "../../engine/meta.js";
import { encodeToken } from "../../engine/subjects.js";

function thrown(by: () => unknown): unknown {
  try {
    by();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test("an id that no customer can have, and a state that cannot be read, are no bugs of ours", () => {
  expect(explain(thrown(() => encodeToken("")))).toContain("empty id");
  expect(explain(thrown(() => encodeToken("x".repeat(3_000))))).toContain("too long");
  expect(explain(thrown(() => readMeta({ format: "99" })))).toContain("newer Eddy");
  expect(explain(thrown(() => readMeta({ offset: "-1" })))).toContain("offset");
  expect(explain(new StateCorrupt("customer ann: 3 bytes too many"))).toContain("ann");
  expect(explain(new TypeError("x is undefined"))).toBeNull();
});
