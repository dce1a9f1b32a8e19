import type { NatsTestCluster } from 'nestjs-nats-jetstream/testing';
import { FORM_NAMES, FORMS } from '../model/forms.js';
import { eventually } from '../../support/eventually.js';

/** How long servers may take to notice that connections have ended, in milliseconds. */
const PATIENCE = 10_000;

/** Durable consumers of the handlers. */
const EXPECTED: ReadonlySet<string> = new Set<string>(FORM_NAMES.filter((form) => FORMS[form].isShared));
/** A consumer of an application that was killed is removed by the server later; one that is not is kept for that long. */
const EPHEMERAL_FORMS = FORM_NAMES.length - EXPECTED.size;

/**
 * Finds the resources that closed applications have left on the servers: connections, subscriptions of inboxes, and consumers. Ephemeral consumers of
 * processes that were killed expire on the server.
 *
 * @param killed how many processes were killed
 */
export async function leftovers(cluster: NatsTestCluster, killed: number): Promise<string[]> {
  let last: string[] = [];
  const read = async (): Promise<string[]> => {
    const each = await Promise.all(cluster.servers.map(({ monitoringUrl }) => leftOn(monitoringUrl, killed)));
    return (last = [...new Set(each.flat())]);
  };
  await eventually(read, ({ length }) => length === 0, PATIENCE).catch(() => undefined);
  return last;
}

async function leftOn(url: string, killed: number): Promise<string[]> {
  const { connections = [] } = await page<Connections>(`${url}/connz?subs=1`);
  const { subscriptions_list: subscriptions = [] } = await page<Subscriptions>(
    `${url}/subsz?subs=1&limit=10000`,
  );
  const { account_details: accounts = [] } = await page<JetStreamPage>(`${url}/jsz?consumers=true`);
  const consumers = accounts
    .flatMap(({ stream_detail: streams = [] }) => streams)
    .flatMap(({ name: stream, consumer_detail: each = [] }) => each.map(({ name }) => ({ stream, name })))
    // The consumers of advisories are durable, like those of the handlers.
    .filter(
      ({ stream, name }) => !(stream === 'WORK' && EXPECTED.has(name)) && stream !== 'DEAD_LETTER_ADVISORIES',
    );
  return [
    ...connections.map(({ lang = '' }) => `a connection of a ${lang} client`),
    ...subscriptions
      .filter(({ subject }) => subject.startsWith('_INBOX.'))
      .map(({ subject }) => `subscription ${subject}`),
    ...(consumers.length > killed * (EPHEMERAL_FORMS + 4)
      ? consumers.map(({ stream, name }) => `consumer ${name} of stream ${stream}`)
      : []),
  ];
}

interface Connections {
  readonly connections?: readonly { readonly lang?: string }[];
}

interface Subscriptions {
  readonly subscriptions_list?: readonly { readonly subject: string }[];
}

interface JetStreamPage {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly {
      readonly name: string;
      readonly consumer_detail?: readonly { readonly name: string }[];
    }[];
  }[];
}

async function page<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}
