import type { NatsConnection, PublishOptions } from '@nats-io/transport-node';

/** What becomes of one publish. */
export type Fate =
  /** It does not reach the server. */
  | 'lost'
  /** It is stored, but the acknowledgement does not come back. */
  | 'ack lost'
  /** The server says that it has too much to do, and does not store it. */
  | 'refused'
  /** It reaches the server later than what was published after it. */
  | { readonly delayed: number };

/**
 * Decides over what happens to the chunks that a connection publishes, or to the descriptions, counted from 0. All other
 * traffic, and what the server does with it, is real.
 */
export function interfere(
  nc: NatsConnection,
  fate: (publish: number) => Fate | undefined,
  kind: 'C' | 'M' = 'C',
): void {
  const publish = nc.publish.bind(nc);
  let published = 0;
  const refusal = JSON.stringify({
    error: { code: 429, err_code: 10167, description: 'too many requests' },
    stream: 'OBJ_B',
    seq: 0,
  });
  nc.publish = (subject: string, payload?: Uint8Array | string, options?: PublishOptions) => {
    const what = subject.startsWith(`$O.B.${kind}.`) ? fate(published++) : undefined;
    if (what === undefined) return publish(subject, payload, options);
    if (what === 'lost') return;
    if (what === 'ack lost') return publish(subject, payload, { ...options, reply: undefined });
    if (what === 'refused') return publish(options?.reply ?? '', refusal);
    const kept = { ...options };
    setTimeout(() => nc.isClosed() || publish(subject, payload, kept), what.delayed);
  };
}
