import { expect } from 'vitest';
import { jetStreamMatchers, type JetStreamMatchers } from '../index.js';

expect.extend(jetStreamMatchers);

declare module 'vitest' {
  interface Matchers<T> extends JetStreamMatchers<T> {}
}

export type { JetStreamMatchers };
