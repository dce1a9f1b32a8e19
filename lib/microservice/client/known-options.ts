import { headersRule } from '../../jetstream/index.js';
import { EXPECTATIONS, PUBLISH_DEFAULTS, SCHEDULE_OPTIONS } from '../../jetstream/index.js';
import { type AllOptionsOf, positiveTimeLimit, text } from '../../validation/index.js';
import { modeRule, TRANSPORT_OPTIONS } from '../transport-options.js';
import type { JetStreamClientOptions } from './jetstream-client-options.interface.js';
import type { JetStreamRecordOptions } from './jetstream-record-options.interface.js';

/** The options of a `JetStreamClient`. */
export const CLIENT_OPTIONS = {
  ...TRANSPORT_OPTIONS,
  headers: headersRule,
  mode: modeRule,
  name: text,
  publish: PUBLISH_DEFAULTS,
  timeout: positiveTimeLimit,
} satisfies AllOptionsOf<JetStreamClientOptions>;

/**
 * The options of a `JetStreamRecord`. Their values are checked when it is sent, so that an invalid value fails only
 * that call.
 */
export const RECORD_OPTIONS = {
  expect: EXPECTATIONS,
  headers: true,
  idempotent: true,
  messageId: true,
  mode: modeRule,
  retry: { attempts: true, wait: true },
  schedule: SCHEDULE_OPTIONS,
  timeout: true,
  ttl: true,
} satisfies AllOptionsOf<JetStreamRecordOptions>;
