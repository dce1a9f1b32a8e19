import { appendFileSync } from 'node:fs';

/** A reporter for vitest: adds the names of tests that were retried to the file RETRIED_TESTS. */
export default class RetriedTests {
  retried = [];

  onTestCaseResult(test) {
    const { retryCount = 0 } = test.diagnostic() ?? {};
    if (retryCount === 0) return;
    const times = retryCount === 1 ? 'once' : `${retryCount} times`;
    this.retried.push(
      `${test.module.relativeModuleId} > ${test.fullName} (${test.result().state}, retried ${times})`,
    );
  }

  onTestRunEnd() {
    const { RETRIED_TESTS: file } = process.env;
    if (file && this.retried.length > 0) appendFileSync(file, `${this.retried.join('\n')}\n`);
  }
}
