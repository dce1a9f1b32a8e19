import { InvalidArgumentError } from '../../../errors/index.js';
import { required } from '../../../validation/index.js';
import type { Actions } from '../answers.js';
import type { BoardContext } from '../board-context.js';
import { CONNECTION, nameText, timeText } from '../inputs.js';

const CONSUMER = { ...CONNECTION, stream: required(nameText), consumer: required(nameText) };
/** The oldest nats-server that pauses consumers. */
const PAUSES_SINCE = '2.11.0';

/** Pauses and resumes consumers on the server. */
export function consumerActions(context: BoardContext): Actions<'pause-consumer' | 'resume-consumer'> {
  const isPossible = (): boolean =>
    context.source.connections.some(({ connection }) => connection.supports(PAUSES_SINCE));
  return {
    'pause-consumer': {
      isPossible,
      members: { ...CONSUMER, until: required(timeText) },
      async carryOut({ connection, stream, consumer, until }, { signal }) {
        const end = new Date(until);
        // The server accepts a time in the past, and pauses nothing.
        if (end.getTime() <= Date.now()) throw isOver(until, 'it is not in the future');
        const jetstream = context.jetstream(connection);
        const { paused, pauseUntil = end } = await jetstream.pauseConsumer(stream, consumer, end, { signal });
        if (!paused) throw isOver(until, 'it is not in the future by the clock of the server');
        return { pausedUntil: pauseUntil.toISOString() };
      },
    },
    'resume-consumer': {
      isPossible,
      members: CONSUMER,
      async carryOut({ connection, stream, consumer }, { signal }) {
        await context.jetstream(connection).resumeConsumer(stream, consumer, { signal });
        return {};
      },
    },
  };
}

function isOver(until: string, problem: string): InvalidArgumentError {
  return new InvalidArgumentError('until', `${JSON.stringify(until)} is too early: ${problem}`);
}
