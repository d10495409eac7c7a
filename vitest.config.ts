import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
    // A worker keeps what it has loaded, and compiled, from one file to the next: half of the time of most files was
    // that. So no test file changes a module's state, the environment or a global for good.
    isolate: false,
  },
});
