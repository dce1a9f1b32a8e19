import { JetStreamError } from 'nestjs-nats-jetstream';
import { beforeAll, describe, expect, it } from 'vitest';
import { SHUTDOWN_TIMEOUT } from './application.js';
import { faults } from './faults.js';
import { FORMS } from './handlers.js';
import { OPERATIONS } from './operations.js';
import { runScenario, type Outcome, SERVICE_HANDLER } from './scenario.js';

/** The longest that a call may take: a few timeouts of a second each, on a machine with other work. */
const LONGEST_CALL = 15_000;
/** How much longer than `shutdownTimeout` closing may take. */
const CLOSING = 3_000;

describe.each(faults)('when $name', (fault) => {
  let outcome: Outcome;
  beforeAll(async () => {
    outcome = await runScenario(fault);
  }, 120_000);

  it.each(FORMS)('handles every message of a handler to the end: %s', (form) => {
    expect(outcome.all[form]).toEqual(outcome.expected);
  });

  it.runIf(fault.recovers).each(FORMS)('handles every message in the same application: %s', (form) => {
    expect([...new Set(outcome.first[form])].toSorted((a, b) => a - b)).toEqual(outcome.expected);
  });

  it.runIf(fault.recovers)('delivers each message once and in order to an ordered handler', () => {
    expect(outcome.first.ordered).toEqual(outcome.expected);
  });

  it.runIf(fault.recovers).each(['keys', 'objects', 'core'] as const)(
    'continues watches and subscriptions: %s',
    (kind) => {
      expect(outcome.watched[kind]).toBe(true);
    },
  );

  it.each(OPERATIONS)('ends every call in time, with a result or a typed error: %s', (operation) => {
    const { succeeded, errors, longest, ended } = outcome.calls[operation];
    expect(succeeded).toBeGreaterThan(0);
    const untyped = errors.filter((error) => !(error instanceof JetStreamError));
    expect([...new Set(untyped.map(String))]).toEqual([]);
    expect(longest).toBeLessThan(LONGEST_CALL);
    expect(ended).toBe(true);
  });

  it('ends a leadership, which can be won again after a recovery', () => {
    expect(outcome.leads).toBe(fault.recovers);
  });

  it('reports the actual states of handlers', () => {
    const wanted = fault.recovers ? ['running'] : ['stopped'];
    // An application that closes during the fault does not know yet whether the server recovers.
    const allowed = fault.closesDuringFault === true ? ['running', 'recovering'] : wanted;
    const wrong = outcome.states.filter(({ status }) => !allowed.includes(status));
    expect(wrong.map(({ handler, status }) => ({ handler, status }))).toEqual([]);
  });

  it.runIf(fault.reason)('reports each handler once, with the reason', () => {
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

  it.each(['client', 'microservice', 'application'] as const)('closes in bounded time: %s', (part) => {
    expect(outcome.closing[part]).toBeLessThan(SHUTDOWN_TIMEOUT + CLOSING);
  });

  it('keeps the log readable', () => {
    expect(
      outcome.logs.lines.filter(({ level }) => level === 'error' || level === 'warn').length,
    ).toBeLessThan(300);
  });
});
