// Prints "N passed, N failed" from vitest's JSON report, as the last line of a CI run. A run that ended badly without a
// failed test (a file that does not load, an error outside of tests, no report at all) counts as one failure.

import { readFileSync } from "node:fs";

const [file, status] = process.argv.slice(2);

function counts() {
  try {
    const report = JSON.parse(readFileSync(file, "utf8"));
    // A file that fails to load has no tests of its own.
    const broken = report.testResults.filter(({ status, assertionResults }) => status === "failed" && assertionResults.length === 0).length;
    return { passed: report.numPassedTests, failed: report.numFailedTests + broken };
  } catch {
    return { passed: 0, failed: 0 };
  }
}

const { passed, failed } = counts();
const failures = failed === 0 && status !== "0" ? 1 : failed;
process.stdout.write(`${passed} passed, ${failures} failed\n`);
process.exit(failures === 0 ? 0 : 1);
