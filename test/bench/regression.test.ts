/** What the comparison of two commits calls news. */
import { expect, test } from "vitest";
import { failureIn, figuresOf, verdicts } from "../../bench/regression.js";

const rounds = (pairs: readonly (readonly [number, number])[], figure = "core.take"): readonly (readonly [ReadonlyMap<string, number>, ReadonlyMap<string, number>])[] =>
  pairs.map(([one, other]) => [new Map([[figure, one]]), new Map([[figure, other]])]);

const QUIET = rounds([[10, 10.2], [10.1, 10], [10, 10.1]]);
const NOISY = rounds([[10, 13], [12, 10], [10, 11]]);

test.each([
  ["a tenth more time is slower where the machine is quiet", QUIET, rounds([[10, 11], [10, 11.2], [10.1, 11]]), "slower"],
  ["a tenth less is faster", QUIET, rounds([[11, 10], [11.2, 10], [11, 10.1]]), "faster"],
  ["the same is no news where it is noisy", NOISY, rounds([[10, 11], [10, 11.2], [10.1, 11]]), "no difference beyond the noise of A/A"],
  ["nor is what the rounds do not agree on", QUIET, rounds([[10, 12], [10, 12], [10, 9.9]]), "no difference beyond the noise of A/A"],
  ["a lower rate is slower", rounds([[100, 101], [100, 99], [100, 100]], "core.eventsPerSecond"), rounds([[100, 80], [100, 82], [100, 81]], "core.eventsPerSecond"), "slower"],
] as const)("%s", (_, same, different, expected) => {
  expect(verdicts(same, different).map(({ verdict }) => verdict)).toEqual([expected]);
});

test("figures that only one of them has are left out", () => {
  const [one, other] = [new Map([["a", 1], ["b", 2]]), new Map([["a", 1]])];
  expect(verdicts([[one, one]], [[one, other]]).map(({ figure }) => figure)).toEqual(["a"]);
});

test("figures go by their path, rows by what stands in them; counts are none", () => {
  const figures = { machine: { cpus: 2 }, core: { take: 7.5, outputs: 0.3 }, rules: { rows: [{ by: "value", rules: 20, micros: 8, outputs: 1 }] } };
  expect([...figuresOf(figures)]).toEqual([["core.take", 7.5], ["rules.rows.value 20.micros", 8]]);
});

test.each([
  ["node:internal\n    throw new ERR(\n\nError [ERR_MODULE_NOT_FOUND]: Cannot find module '/f/a/dist/x.js' imported from /f/a/dist/y.js\n    at z\n\nNode.js v20\n", "Cannot find module 'dist/x.js' imported from dist/y.js"],
  ["file:///f/a/dist/y.js:3\n  read();\n\nTypeError: read is not a function\n    at z\n", "read is not a function"],
  ["there is no bench core\n", "there is no bench core"],
])("a bench that the older commit cannot run says in a line what it lacks", (stderr, said) => {
  expect(failureIn(stderr, "/f/a")).toBe(said);
});
