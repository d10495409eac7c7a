import { configDefaults, defineConfig } from "vitest/config";

/** Files that put something else in the place of a module, which is for good where modules are kept. */
const REPLACING = ["test/simulation/planted.test.ts"];

// A worker keeps what it has loaded, and compiled, from one file to the next: half of the time of most files was that. So
// no test file changes a module's state, the environment or a global for good.
export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: "kept", include: ["test/**/*.test.ts"], exclude: [...configDefaults.exclude, ...REPLACING], isolate: false } },
      { extends: true, test: { name: "apart", include: REPLACING, isolate: true } },
    ],
    // What a test waits for has limits of its own, which say what did not come: these are for what hangs, on a busy machine too.
    testTimeout: 120_000,
    hookTimeout: 180_000,
    pool: "forks",
  },
});
