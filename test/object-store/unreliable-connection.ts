import type { JetStreamConnection } from '../../lib/connection/index.js';

/** The outcome of one publish. */
export type Fate =
  /** It does not reach the server. */
  | 'lost'
  /** It is stored, but the acknowledgement is lost. */
  | 'ack lost'
  /** The server reports that it is overloaded, and does not store it. */
  | 'refused'
  /** It reaches the server after later publishes. */
  | { readonly delayed: number };

/**
 * Decides the outcome of the chunks that a connection publishes, or of the descriptions, counted from 0. All other
 * traffic reaches the real server.
 */
export function interfere(
  { nc, wire }: JetStreamConnection,
  fate: (publish: number) => Fate | undefined,
  kind: 'C' | 'M' = 'C',
): void {
  const publish = wire.publish.bind(wire);
  let published = 0;
  const refusal = JSON.stringify({
    error: { code: 429, err_code: 10167, description: 'too many requests' },
    stream: 'OBJ_B',
    seq: 0,
  });
  wire.publish = (subject, payload, reply = '', headers) => {
    const what = subject.startsWith(`$O.B.${kind}.`) ? fate(published++) : undefined;
    if (what === undefined) return publish(subject, payload, reply, headers);
    if (what === 'lost') return;
    if (what === 'ack lost') return publish(subject, payload, '', headers);
    if (what === 'refused') return publish(reply, refusal);
    setTimeout(() => nc.isClosed() || publish(subject, payload, reply, headers), what.delayed);
  };
}
