import {
  DEAD_LETTER_HEADERS,
  DEAD_LETTER_STREAM,
  DEAD_LETTER_SUBJECT,
  type JetStreamService,
} from 'nestjs-nats-jetstream';

/** The details of a stored dead letter. */
export interface StoredLetter {
  readonly stream?: string;
  readonly consumer?: string;
  readonly handler?: string;
  readonly reason?: string;
  readonly error?: string;
  readonly subject?: string;
  readonly data?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Stores dead letters as handlers do, many at a time. The stream exists, or is created. */
export async function storeLetters(
  jetstream: JetStreamService,
  count: number,
  letterOf: (index: number) => StoredLetter = () => ({}),
): Promise<void> {
  await jetstream.createOrUpdateStream({
    name: DEAD_LETTER_STREAM,
    subjects: [`${DEAD_LETTER_SUBJECT}.>`],
    allowDirect: true,
  });
  const names = DEAD_LETTER_HEADERS;
  for (let index = 0; index < count; index++) {
    const {
      stream = 'ORDERS',
      consumer = 'billing',
      handler = 'Billing.onOrder',
      reason = 'handler failed',
      error = 'Error: no',
      subject = 'orders.new',
      data = { index },
      headers: own = {},
    } = letterOf(index);
    const headers = {
      ...own,
      [names.stream]: stream,
      [names.consumer]: consumer,
      [names.subject]: subject,
      [names.sequence]: String(index + 1),
      [names.handler]: handler,
      [names.reason]: reason,
      [names.error]: error,
      [names.deliveries]: '3',
    };
    await jetstream.publishAsyncReady();
    void jetstream.publishAsync(`${DEAD_LETTER_SUBJECT}.${stream}.${consumer}`, data, { headers });
  }
  await jetstream.publishAsyncComplete();
}
