/** Requests that go out together: when they begin, with whom, and that one that fails keeps nobody waiting. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { together, type Together } from "../../connectors/together.js";

interface Request {
  readonly name: string;
  answer(): void;
  fail(): void;
}

describe("requests that go together", () => {
  /** What went out, group by group. */
  let groups: string[][];
  let open: Map<string, Request>;
  let requests: Together;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "clearImmediate"] });
    groups = [];
    open = new Map();
    requests = together((begin) => {
      groups.push([]);
      begin();
    });
  });
  afterEach(() => { vi.useRealTimers(); });

  function ask(name: string, bytes = 100): Promise<string> {
    const asked = requests.run(bytes, () => {
      groups.at(-1)?.push(name);
      return new Promise<string>((resolve, reject) => { open.set(name, { name, answer: () => resolve(name), fail: () => reject(new Error(name)) }); });
    });
    asked.catch(() => undefined); // not every test looks
    return asked;
  }

  /** So many under way that others gather. */
  function busy(): Promise<unknown> {
    for (const name of ["x", "y", "z"]) void ask(name);
    return endOfTurn();
  }

  const endOfTurn = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

  test("those of one turn go out as one, at its end", async () => {
    const [a, b] = [ask("a"), ask("b")];
    expect(groups).toEqual([]);
    await endOfTurn();
    expect(groups).toEqual([["a", "b"]]);
    open.get("a")?.answer();
    open.get("b")?.answer();
    expect(await Promise.all([a, b])).toEqual(["a", "b"]);
  });

  test("with few under way, nobody waits for their answers", async () => {
    void ask("a");
    await endOfTurn();
    void ask("b");
    await endOfTurn();
    expect(groups).toEqual([["a"], ["b"]]);
  });

  test("with several under way, others gather until there is room again", async () => {
    await busy();
    void ask("a");
    void ask("b");
    await endOfTurn();
    expect(groups).toEqual([["x", "y", "z"]]);
    open.get("x")?.answer();
    await endOfTurn();
    expect(groups).toEqual([["x", "y", "z"], ["a", "b"]]);
  });

  test("nobody waits longer than a millisecond for the answers of others", async () => {
    await busy();
    void ask("a");
    await vi.advanceTimersByTimeAsync(1);
    expect(groups).toEqual([["x", "y", "z"], ["a"]]);
    void ask("b");
    await vi.advanceTimersByTimeAsync(1);
    expect(groups).toEqual([["x", "y", "z"], ["a"], ["b"]]);
  });

  test("what is large goes at once, with all that waits", async () => {
    await busy();
    void ask("a");
    void ask("b", 20_000);
    expect(groups).toEqual([["x", "y", "z"], ["a", "b"]]);
    await vi.advanceTimersByTimeAsync(10);
    expect(groups).toHaveLength(2);
  });

  test("one that fails, at once or later, is an answer like any other", async () => {
    const thrown = requests.run(1, () => { throw new Error("at once"); });
    thrown.catch(() => undefined);
    const later = ask("x");
    void ask("y");
    void ask("z");
    await endOfTurn();
    await expect(thrown).rejects.toThrow("at once");
    void ask("a");
    await endOfTurn();
    expect(groups).toEqual([["x", "y", "z"]]);
    open.get("x")?.fail();
    await expect(later).rejects.toThrow("x");
    await endOfTurn();
    expect(groups).toEqual([["x", "y", "z"], ["a"]]);
  });

  test("where what sends them throws, those that have not begun fail with that, and whoever comes later goes as ever", async () => {
    let broken: "before" | "after" | null = "before";
    const sent: string[] = [];
    requests = together((begin) => {
      const how = broken;
      broken = null;
      if (how === "before") throw new Error("not sent");
      begin();
      if (how === "after") throw new Error("sent all the same");
    });
    const say = (name: string): Promise<string> => requests.run(1, () => {
      sent.push(name);
      return Promise.resolve(name);
    });
    const refused = Promise.allSettled([say("a"), say("b")]);
    await endOfTurn();
    expect((await refused).map((one) => one.status === "rejected" ? String(one.reason) : one.value)).toEqual(["Error: not sent", "Error: not sent"]);
    broken = "after";
    const begun = Promise.all([say("c"), say("d")]);
    await endOfTurn();
    expect(await begun).toEqual(["c", "d"]);
    // None of them counts as under way: else these would wait.
    const later = ["e", "f"].map(say);
    await endOfTurn();
    expect(await Promise.all(later)).toEqual(["e", "f"]);
    expect(sent).toEqual(["c", "d", "e", "f"]);
  });
});
