/** Identities must be what they were: what was published under them is known again by them. */
import { describe, expect, test } from "vitest";
import { hash128Hex, hash64, hash64OfPair } from "../../engine/hash.js";

describe("hashes", () => {
  test.each([
    ["", "488bdcb81aee8d83a650c329583afc3b"],
    ["c1\u0000vip\u0000shop/1\u00000", "05ffd67c91f2a37642c6b9d04a79e143"],
    ["漢字 😀", "7d068a5784b411ce6ae8bc3dbd3a9601"],
  ])("%j", (text, expected) => {
    expect(hash128Hex(text)).toBe(expected);
  });

  test.each([["", ""], ["shop", ""], ["", "1"], ["shop/é", "漢字-😀-7"]])("a pair is hashed as one text with a zero between: %j, %j", (first, second) => {
    const [joined, pair] = [{ high: 0, low: 0 }, { high: 0, low: 0 }];
    hash64(`${first}\u0000${second}`, 0, joined);
    hash64OfPair(first, second, pair);
    expect(pair).toEqual(joined);
  });
});
