import { JetStreamError } from 'nestjs-nats-jetstream';
import { beforeAll, describe, expect, it } from 'vitest';
import { SHUTDOWN_TIMEOUT } from './application.js';
import { faults } from './faults.js';
import { FORMS } from './handlers.js';
import { OPERATIONS } from './operations.js';
import { runScenario, type Outcome, SERVICE_HANDLER } from './scenario.js';

/** The longest that a call may take: a few timeouts of a second each, on a machine with other work. */
const LONGEST_CALL = 15_000;
/** What closing may take beyond `shutdownTimeout`. */
const CLOSING = 3_000;

describe.each(faults)('when $name', (fault) => {
  let outcome: Outcome;
  beforeAll(async () => {
    outcome = await runScenario(fault);
  }, 120_000);

  it.each(FORMS)('every message of a handler is handled to the end: %s', (form) => {
    expect(outcome.all[form]).toEqual(outcome.expected);
  });

  it.runIf(fault.recovers).each(FORMS)('the application itself handles every message: %s', (form) => {
    expect([...new Set(outcome.first[form])].toSorted((a, b) => a - b)).toEqual(outcome.expected);
  });

  it.runIf(fault.recovers)('an ordered handler gets each message once, in order', () => {
    expect(outcome.first.ordered).toEqual(outcome.expected);
  });

  it.runIf(fault.recovers).each(['keys', 'objects', 'core'] as const)(
    'watches and subscriptions go on: %s',
    (kind) => {
      expect(outcome.watched[kind]).toBe(true);
    },
  );

  it.each(OPERATIONS)('every call ends in time, with a result or a typed error: %s', (operation) => {
    const { succeeded, errors, longest, ended } = outcome.calls[operation];
    expect(succeeded).toBeGreaterThan(0);
    const untyped = errors.filter((error) => !(error instanceof JetStreamError));
    expect([...new Set(untyped.map(String))]).toEqual([]);
    expect(longest).toBeLessThan(LONGEST_CALL);
    expect(ended).toBe(true);
  });

  it('a lost connection ends a leadership, a recovered one lets it be won again', () => {
    expect(outcome.leads).toBe(fault.recovers);
  });

  it('the states of handlers are true', () => {
    const wanted = fault.recovers ? ['running'] : ['stopped'];
    // Closed in the midst of it, an application does not know yet whether the server comes back.
    const allowed = fault.closesDuringFault === true ? ['running', 'recovering'] : wanted;
    const wrong = outcome.states.filter(({ status }) => !allowed.includes(status));
    expect(wrong.map(({ handler, status }) => ({ handler, status }))).toEqual([]);
  });

  it.runIf(fault.reason)('each handler is reported once, with the reason', () => {
    const lines = outcome.logs.lines.filter(({ level }) => level === 'error' || level === 'warn');
    const handlers = [
      ...outcome.states.map(({ handler }) => ({ handler, connection: 'default' })),
      { handler: SERVICE_HANDLER, connection: 'trust' },
    ];
    const reports = handlers.map(({ handler }) =>
      lines.filter(({ text }) => text.includes(handler)).map(({ level, text }) => `${level} ${text}`),
    );
    expect(reports).toEqual(
      handlers.map(({ handler, connection }) => [
        `error ${handler} is stopped: the connection "${connection}" ${fault.reason}`,
      ]),
    );
  });

  it.each(['client', 'microservice', 'application'] as const)('closing is bounded: %s', (part) => {
    expect(outcome.closing[part]).toBeLessThan(SHUTDOWN_TIMEOUT + CLOSING);
  });

  it('the log stays readable', () => {
    expect(
      outcome.logs.lines.filter(({ level }) => level === 'error' || level === 'warn').length,
    ).toBeLessThan(300);
  });
});
