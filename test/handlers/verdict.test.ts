import { BadRequestException, NotFoundException } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { InvalidPayloadError, RetryMessage, TerminateMessage, type AckMode } from 'nestjs-nats-jetstream';
import { describe, expect, it } from 'vitest';
import { RetryPolicy, type Rules, verdictOn } from '../../lib/consuming/index.js';
import type { MessageMetadata } from '../../lib/jetstream/index.js';

class Busy extends Error {}

const metadata = { deliveryCount: 1 } as MessageMetadata;
const letters = { publish: () => Promise.resolve({ needsOriginal: false }) };
const fails = (): never => {
  throw new Error('retryIf is broken');
};

interface Case {
  readonly error?: unknown;
  readonly delivery?: number;
  readonly ackMode?: AckMode;
  readonly deadLetter?: boolean;
  readonly retryIf?: (error: unknown) => boolean;
  readonly inPlace?: boolean;
}

function judge({ error = new Error('failed'), delivery = 1, ackMode = 'auto', ...rest }: Case): unknown {
  const { deadLetter = true, retryIf, inPlace = false } = rest;
  const rules: Rules = {
    ackMode,
    retry: new RetryPolicy(
      { maxDeliver: 3, backoff: [10, 20], retryIf, errors: [{ type: Busy, maxDeliver: 5, backoff: [99] }] },
      5,
    ),
    deadLetters: deadLetter ? letters : undefined,
  };
  return verdictOn(error, { number: delivery, metadata, inPlace }, rules);
}

/** The longest delay that servers support. */
const LONGEST = 9_223_372_036_854;

const retry = (delay: number, requested = false): object => ({ action: 'retry', delay, requested });
const letter = (reason: string, cause: string): object => ({ action: 'dead-letter', reason, cause });
const terminated = (reason: string, cause: string): object => ({ action: 'terminate', reason, cause });
const reported = (reason: string, cause: string): object => ({ action: 'report', reason, cause });

describe('the verdict on a message that failed', () => {
  it.each<[string, Case, object]>([
    ['an error in the first delivery', {}, retry(10)],
    ['an error in a later delivery', { delivery: 2 }, retry(20)],
    ['an error in the last delivery', { delivery: 3 }, letter('deliveries used up', 'used-up')],
    [
      'the same without dead letters',
      { delivery: 3, deadLetter: false },
      terminated('deliveries used up', 'used-up'),
    ],
    ['a delivery beyond the last', { delivery: 9 }, letter('deliveries used up', 'used-up')],
    ['an error with a rule of its own', { error: new Busy(), delivery: 4 }, retry(99)],
    [
      'the same in its last delivery',
      { error: new Busy(), delivery: 5 },
      letter('deliveries used up', 'used-up'),
    ],
    ['a string', { error: 'failed' }, retry(10)],
    ['RetryMessage', { error: new RetryMessage(7) }, retry(7, true)],
    ['RetryMessage without a delay', { error: new RetryMessage() }, retry(0, true)],
    [
      'RetryMessage with a delay that servers do not know',
      { error: new RetryMessage(1e13) },
      retry(LONGEST, true),
    ],
    [
      'RetryMessage with the largest number',
      { error: new RetryMessage(Number.MAX_VALUE) },
      retry(LONGEST, true),
    ],
    ['RetryMessage with NaN', { error: new RetryMessage(Number.NaN) }, retry(10)],
    [
      'RetryMessage with Infinity, in a later delivery',
      { error: new RetryMessage(Infinity), delivery: 2 },
      retry(20),
    ],
    ['RetryMessage with a negative delay', { error: new RetryMessage(-1) }, retry(10)],
    [
      'RetryMessage with NaN, in the last delivery',
      { error: new RetryMessage(Number.NaN), delivery: 5 },
      letter('deliveries used up', 'used-up'),
    ],
    [
      'RetryMessage beyond the rule, within the consumer',
      { error: new RetryMessage(7), delivery: 4 },
      retry(7, true),
    ],
    [
      'RetryMessage in the last delivery',
      { error: new RetryMessage(7), delivery: 5 },
      letter('deliveries used up', 'used-up'),
    ],
    [
      'TerminateMessage',
      { error: new TerminateMessage('no such customer') },
      letter('no such customer', 'asked'),
    ],
    [
      'TerminateMessage without dead letters',
      { error: new TerminateMessage('gone'), deadLetter: false },
      terminated('gone', 'asked'),
    ],
    [
      'an invalid payload',
      { error: new InvalidPayloadError('not JSON') },
      letter('invalid payload', 'asked'),
    ],
    [
      'an invalid payload with ackMode manual',
      { error: new InvalidPayloadError('x'), ackMode: 'manual' },
      letter('invalid payload', 'asked'),
    ],
    ['an HttpException of the handler', { error: new BadRequestException() }, retry(10)],
    ['another HttpException of the handler', { error: new NotFoundException() }, retry(10)],
    ['an RpcException of the handler', { error: new RpcException('busy') }, retry(10)],
    ['an error that retryIf refuses', { retryIf: () => false }, letter('not to be retried', 'not-retried')],
    ['an error that retryIf accepts', { retryIf: () => true }, retry(10)],
    [
      'retryIf is not asked in the last delivery',
      { retryIf: fails, delivery: 3 },
      letter('deliveries used up', 'used-up'),
    ],
    [
      'retryIf that throws',
      { retryIf: fails },
      { ...retry(10), retryIfError: new Error('retryIf is broken') },
    ],
    [
      'retryIf that returns a promise which rejects',
      { retryIf: (async () => fails()) as unknown as () => boolean },
      { ...retry(10), retryIfError: new TypeError('it returned a promise; it must return a boolean') },
    ],
    ['an error with ackMode manual', { ackMode: 'manual' }, retry(10)],
    ['an error with ackMode confirmed', { ackMode: 'confirmed' }, retry(10)],
    ['an error with ackMode first', { ackMode: 'first' }, letter('failed', 'never-retried')],
    ['an error with ackMode none', { ackMode: 'none' }, letter('failed', 'never-retried')],
    [
      'the same without dead letters',
      { ackMode: 'none', deadLetter: false },
      reported('failed', 'never-retried'),
    ],
    [
      'RetryMessage with ackMode first',
      { ackMode: 'first', error: new RetryMessage(7) },
      letter('failed', 'never-retried'),
    ],
    [
      'TerminateMessage with ackMode none',
      { ackMode: 'none', error: new TerminateMessage('x'), deadLetter: false },
      reported('x', 'asked'),
    ],
    ['an error of an ordered handler', { ackMode: 'none', inPlace: true }, retry(10)],
    [
      'an error of an ordered handler in its last attempt',
      { ackMode: 'none', inPlace: true, delivery: 3, deadLetter: false },
      terminated('deliveries used up', 'used-up'),
    ],
    [
      'retryIf of an ordered handler that throws',
      { ackMode: 'none', inPlace: true, retryIf: fails },
      { ...retry(10), retryIfError: new Error('retryIf is broken') },
    ],
  ])('%s', (_, given, verdict) => {
    expect(judge(given)).toEqual(verdict);
  });

  it('recognizes the errors of another copy of this library by their brand', () => {
    const brand = Symbol.for('nestjs-nats-jetstream:settlement');
    const foreign = (kind: string, fields: object): Error =>
      Object.assign(new Error(kind), { [brand]: kind }, fields);
    expect(judge({ error: foreign('terminate', { reason: 'other' }) })).toEqual(letter('other', 'asked'));
    expect(judge({ error: foreign('retry', { delay: 5 }) })).toEqual(retry(5, true));
    expect(judge({ error: foreign('invalid-payload', {}) })).toEqual(letter('invalid payload', 'asked'));
    expect(foreign('retry', {})).toBeInstanceOf(RetryMessage);
    expect(foreign('retry', {})).not.toBeInstanceOf(TerminateMessage);
    class Own extends TerminateMessage {}
    expect(new Own('x')).toBeInstanceOf(TerminateMessage);
    expect(new TerminateMessage('x')).not.toBeInstanceOf(Own);
  });

  it('reaches a verdict on values that cannot be inspected', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(judge({ error: proxy })).toEqual(retry(10));
    expect(judge({ error: Symbol('x') })).toEqual(retry(10));
    expect(judge({ error: Object.create(null) })).toEqual(retry(10));
  });
});
