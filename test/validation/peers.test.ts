import { describe, expect, it } from 'vitest';
import {
  isAckSubject,
  isFlowControlSubject,
  isReplyAllowed,
  numberFromPeer,
} from '../../lib/validation/index.js';

describe('a reply subject chosen by a peer', () => {
  it.each([
    ['an inbox', '_INBOX.AbC123.4'],
    ['an inbox with a prefix', '_INBOX_billing.AbC.4'],
    ['a subject of another cluster', '_GR_.Ah7bOI.XPqd5k._INBOX.AbC.4'],
    ['the answer to a mapped service', '_R_.AbC.4'],
    ['one token', 'answers'],
    ['letters outside of ASCII', 'antwoorden.münchen'],
    ['a dollar sign inside', 'answers.$JS'],
    ['a wildcard character inside a token', 'answers.a*b'],
    ['a long subject', `_INBOX.${'x'.repeat(4_000)}`],
  ])('is accepted: %s', (_, subject) => {
    expect(isReplyAllowed(subject)).toBe(true);
  });

  it.each([
    ['nothing', ''],
    ['no text', undefined],
    ['an object', { length: 8 }],
    ['the JetStream API', '$JS.API.STREAM.DELETE.ORDERS'],
    ['an acknowledgement', '$JS.ACK.ORDERS.billing.1.1.1.1700000000000000000.0'],
    ['the system account', '$SYS.REQ.SERVER.PING'],
    ['a key of a bucket', '$KV.config.limits'],
    ['only a dollar sign', '$'],
    ['a wildcard', 'answers.*'],
    ['a wildcard for the rest', 'answers.>'],
    ['all subjects', '>'],
    ['an empty token', 'answers..1'],
    ['a dot at the end', 'answers.'],
    ['a dot at the beginning', '.$JS.API.INFO'],
    ['a space', 'answers 1'],
    ['a space at the beginning', ' $JS.API.INFO'],
    ['a tab', 'answers\t1'],
    ['the end of a line', 'answers\r\nPUB $JS.API.STREAM.DELETE.ORDERS 0\r\n'],
    ['a null character', 'answers\u0000'],
    ['another control character', 'answers\u0085'],
    ['more than a line allows', 'x'.repeat(4_080)],
    ['more bytes than a line allows', 'ü'.repeat(2_040)],
  ])('is rejected: %s', (_, subject) => {
    expect(isReplyAllowed(subject)).toBe(false);
  });

  it('is rejected if the line has no room for the reply subject with it', () => {
    const subject = `_INBOX.${'x'.repeat(4_000)}`;
    expect(isReplyAllowed(subject, '_INBOX.1')).toBe(true);
    expect(isReplyAllowed(subject, `_INBOX.${'y'.repeat(60)}`)).toBe(false);
  });
});

describe('reply subjects of consumers', () => {
  it.each([
    '$JS.ACK.ORDERS.billing.1.12.7.1700000000000000000.3',
    '$JS.ACK._.AbCdEf.ORDERS.billing.1.12.7.1700000000000000000.3',
    '$JS.ACK.hub.AbCdEf.ORDERS.billing.1.12.7.1700000000000000000.3.token',
  ])('are acknowledgements: %s', (subject) => {
    expect(isAckSubject(subject)).toBe(true);
  });

  it.each([
    '$JS.API.STREAM.DELETE.ORDERS',
    '$JS.ACK.ORDERS',
    '$JS.ACK.ORDERS.*.1.12.7.17.3',
    'x.$JS.ACK.A.b.1.1.1.1.1',
  ])('are no acknowledgements: %s', (subject) => {
    expect(isAckSubject(subject)).toBe(false);
  });

  it('have a separate form for flow control', () => {
    expect(isFlowControlSubject('$JS.FC.ORDERS.push.AbC12')).toBe(true);
    expect(isFlowControlSubject('$JS.API.STREAM.DELETE.ORDERS')).toBe(false);
    expect(isFlowControlSubject('$JS.FC.ORDERS')).toBe(false);
  });
});

describe('a number sent by a peer', () => {
  const range = { least: 1, most: 1_000 };

  it.each([
    ['12', 12],
    ['1000', 1_000],
    ['1001', 1_000],
    ['99999999999999999999', 1_000],
  ])('%s is read as %d', (text, number) => {
    expect(numberFromPeer(text, range)).toBe(number);
  });

  it.each([
    '',
    ' 12',
    'abc',
    '-1',
    '0',
    '1e3',
    '1.5',
    '0x10',
    'Infinity',
    'NaN',
    '9'.repeat(400),
    undefined,
    12,
    {},
  ])('%j is rejected', (text) => {
    expect(numberFromPeer(text, range)).toBeUndefined();
  });
});
