import type { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { FORM_NAMES, FORMS } from '../model/forms.js';
import { eventually } from '../../support/eventually.js';

/** How long servers may take to notice that connections have ended, in milliseconds. */
const PATIENCE = 10_000;

/** Durable consumers of the handlers. */
const EXPECTED: ReadonlySet<string> = new Set<string>(FORM_NAMES.filter((form) => FORMS[form].isShared));

/**
 * Finds the resources that closed applications have left on the servers: connections, subscriptions of inboxes, and consumers.
 *
 * A process that is killed or disconnected cannot delete its consumers. After a fault there may be some that nothing reads, if the
 * server removes them by itself; without faults there may be none.
 */
export async function leftovers(servers: readonly NatsTestServer[], hasFaults: boolean): Promise<string[]> {
  let last: string[] = [];
  const read = async (): Promise<string[]> => {
    const each = await Promise.all(servers.map(({ monitoringUrl }) => leftOn(monitoringUrl, hasFaults)));
    return (last = [...new Set(each.flat())]);
  };
  await eventually(read, ({ length }) => length === 0, PATIENCE).catch(() => undefined);
  return last;
}

async function leftOn(url: string, hasFaults: boolean): Promise<string[]> {
  const { connections = [] } = await page<Connections>(`${url}/connz?subs=1`);
  const { subscriptions_list: subscriptions = [] } = await page<Subscriptions>(
    `${url}/subsz?subs=1&limit=10000`,
  );
  const { account_details: accounts = [] } = await page<JetStreamPage>(
    `${url}/jsz?consumers=true&config=true`,
  );
  const consumers = accounts
    .flatMap(({ stream_detail: streams = [] }) => streams)
    .flatMap(({ name: stream, consumer_detail: each = [] }) => each.map((info) => ({ stream, ...info })))
    // The consumers of advisories are durable, like those of the handlers.
    .filter(
      ({ stream, name }) => !(stream === 'WORK' && EXPECTED.has(name)) && stream !== 'DEAD_LETTER_ADVISORIES',
    )
    .filter((consumer) => !(hasFaults && expires(consumer)));
  return [
    ...connections.map(({ lang = '' }) => `a connection of a ${lang} client`),
    ...subscriptions
      .filter(({ subject }) => subject.startsWith('_INBOX.'))
      .map(({ subject }) => `subscription ${subject}`),
    ...consumers.map(({ stream, name }) => `consumer ${name} of stream ${stream}`),
  ];
}

/** Whether nothing reads a consumer, and the server removes it by itself. */
function expires({ config, num_waiting: waiting, push_bound: isBound = false }: ConsumerDetail): boolean {
  return (config?.inactive_threshold ?? 0) > 0 && waiting === 0 && !isBound;
}

interface Connections {
  readonly connections?: readonly { readonly lang?: string }[];
}

interface Subscriptions {
  readonly subscriptions_list?: readonly { readonly subject: string }[];
}

interface ConsumerDetail {
  readonly name: string;
  readonly config?: { readonly inactive_threshold?: number };
  readonly num_waiting: number;
  readonly push_bound?: boolean;
}

interface JetStreamPage {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly {
      readonly name: string;
      readonly consumer_detail?: readonly ConsumerDetail[];
    }[];
  }[];
}

async function page<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}
