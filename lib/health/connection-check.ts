import type { JetStreamService } from '../jetstream/index.js';
import { errorText } from '../reporting/index.js';
import type { Deadline } from '../timing/index.js';
import type { ConnectionHealth } from './health-report.js';
import { REQUEST_TIMEOUT, type SharedAnswers } from './shared-answers.js';

/** The limits of a check of a connection, in milliseconds. */
export interface ConnectionLimits {
  readonly timeout: number;
  readonly maxRtt: number | undefined;
}

/** What is said about a connection with `connect: 'lazy'`, which checks do not open. */
export const UNOPENED = "It is not connected yet, because no call has needed it (connect: 'lazy').";

/** Checks that a connection has a link, and that the server answers in time. */
export async function checkConnection(
  jetstream: JetStreamService,
  { timeout, maxRtt = Infinity }: ConnectionLimits,
  answers: SharedAnswers,
  deadline: Deadline,
): Promise<ConnectionHealth> {
  const { status, connection } = jetstream;
  const { state, stateAge, reconnects, server } = status;
  const about = { connection: connection.name, state, stateAge, reconnects, server: server?.name };
  const down = (message: string): ConnectionHealth => ({ status: 'down', message, ...about });
  if (state === 'unopened') return { status: 'up', message: UNOPENED, ...about };
  if (!connection.isOpen)
    return down(
      'It has no server, because forRoot has the option connect: false, or JETSTREAM_CONNECT is "false".',
    );
  if (state === 'closed') return down('It was closed for good. Restart the application.');
  if (state === 'disconnected') {
    return down(`There has been no link to a server for ${stateAge} ms. The client keeps reconnecting.`);
  }
  const ask = (): Promise<number> => connection.rtt(REQUEST_TIMEOUT);
  const answer = await answers.get(jetstream, 'rtt', ask, deadline);
  if (answer.kind === 'late') return down(`The server did not answer within ${timeout} ms.`);
  if (answer.kind === 'error') return down(errorText(answer.error));
  const rtt = Math.round(answer.value * 1_000) / 1_000;
  if (rtt > maxRtt) {
    return { ...down(`The round trip to the server took ${rtt} ms, more than ${maxRtt} ms (maxRtt).`), rtt };
  }
  return { status: 'up', ...about, rtt };
}
