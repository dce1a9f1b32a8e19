import { jetStreamMatchers, type JetStreamMatchers } from '../index.js';

interface Expect {
  extend(matchers: typeof jetStreamMatchers): void;
}

const { expect } = globalThis as { readonly expect?: Expect | undefined };
if (expect === undefined) {
  throw new TypeError(
    'There is no global "expect" to extend. Import this module in a test or in setupFilesAfterEnv of Jest; with ' +
      "injectGlobals: false, call expect.extend(jetStreamMatchers) with the matchers of 'nestjs-nats-jetstream/testing'.",
  );
}
expect.extend(jetStreamMatchers);

declare global {
  namespace jest {
    interface Matchers<R> extends JetStreamMatchers<R> {}
  }
}

export type { JetStreamMatchers };
