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

  test("while some are unanswered, others gather, and go when the last of them is answered", async () => {
    void ask("a");
    void ask("b");
    await endOfTurn();
    void ask("c");
    void ask("d");
    open.get("a")?.answer();
    await endOfTurn();
    expect(groups).toEqual([["a", "b"]]);
    open.get("b")?.answer();
    await endOfTurn();
    expect(groups).toEqual([["a", "b"], ["c", "d"]]);
  });

  test("nobody waits longer than a millisecond for the answers of others", async () => {
    void ask("a");
    await endOfTurn();
    void ask("b");
    await vi.advanceTimersByTimeAsync(1);
    expect(groups).toEqual([["a"], ["b"]]);
    void ask("c");
    await vi.advanceTimersByTimeAsync(1);
    expect(groups).toEqual([["a"], ["b"], ["c"]]);
  });

  test("what is large goes at once, with all that waits", async () => {
    void ask("a");
    await endOfTurn();
    void ask("b");
    void ask("c", 20_000);
    expect(groups).toEqual([["a"], ["b", "c"]]);
    await vi.advanceTimersByTimeAsync(10);
    expect(groups).toHaveLength(2);
  });

  test("one that fails, at once or later, is an answer like any other", async () => {
    const thrown = requests.run(1, () => { throw new Error("at once"); });
    thrown.catch(() => undefined);
    const later = ask("a");
    await endOfTurn();
    await expect(thrown).rejects.toThrow("at once");
    void ask("b");
    open.get("a")?.fail();
    await expect(later).rejects.toThrow("a");
    await endOfTurn();
    expect(groups).toEqual([["a"], ["b"]]);
  });
});
