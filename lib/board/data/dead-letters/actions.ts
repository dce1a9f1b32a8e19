import type { DeadLetter, DeadLetters } from '../../../consuming/index.js';
import { DeadLetterNotFoundError } from '../../../errors/index.js';
import {
  type AllOptionsOf,
  isObject,
  ListOf,
  oneOf,
  required,
  requireValue,
  rule,
} from '../../../validation/index.js';
import type { BoardActions } from '../../model/index.js';
import type { Action, Actions } from '../answers.js';
import type { BoardContext } from '../board-context.js';
import { CONNECTION, sequenceNumber, timeText } from '../inputs.js';
import { editedMessage } from './edited-message.js';
import { replayed } from './replayed.js';

/** The members of an input for one dead letter. */
const ONE = { ...CONNECTION, sequence: required(sequenceNumber), time: required(timeText) };
/** Where replayed messages go. */
export const TARGET = oneOf(['subject', 'handler']);

type OneDeadLetter = BoardActions['drop']['input'];

/** What can be done with one dead letter. They go on when the person leaves, because half of them would be no result. */
export function deadLetterActions(context: BoardContext): Actions<'replay' | 'edit-and-replay' | 'drop'> {
  return { replay: replay(context), 'edit-and-replay': editAndReplay(context), drop: drop(context) };
}

function replay(context: BoardContext): Action<'replay'> {
  return {
    members: { ...ONE, to: TARGET },
    async carryOut({ to, ...input }): Promise<object> {
      const { letter, letters } = await find(context, input);
      await replayed(context.payloads, letters, letter, to);
      return {};
    },
  };
}

function drop(context: BoardContext): Action<'drop'> {
  return {
    members: ONE,
    async carryOut(input): Promise<object> {
      const { letter, letters } = await find(context, input);
      await letters.drop(letter);
      return {};
    },
  };
}

const PAYLOAD = {
  form: required(oneOf(['text', 'base64'])),
  content: required(rule('a string', (value) => typeof value === 'string')),
} satisfies AllOptionsOf<BoardActions['edit-and-replay']['input']['payload']>;

const GIVEN = rule('an object with form and content', isObject);

const HEADERS = new ListOf(
  rule(
    'a header: its name and the list of its values',
    (value) =>
      Array.isArray(value) &&
      value.length === 2 &&
      typeof value[0] === 'string' &&
      Array.isArray(value[1]) &&
      value[1].length > 0 &&
      value[1].every((each) => typeof each === 'string'),
  ),
  'a list of headers',
);

function editAndReplay(context: BoardContext): Action<'edit-and-replay'> {
  return {
    isPossible: () => !context.payloads.isMasked,
    members: { ...ONE, payload: PAYLOAD, headers: HEADERS },
    async carryOut(input): Promise<{ stream: string; sequence: number }> {
      const { headers, payload, ...which } = input;
      requireValue('payload', payload, GIVEN);
      const { connection, letter, letters } = await find(context, which);
      const message = editedMessage(context.payloads, { connection, letter, payload, headers });
      const { sequence, stream } = await letters.replayEdited(letter, message);
      return { stream, sequence };
    },
  };
}

/**
 * The dead letter that the person saw: another one may have its sequence, if the stream was created again.
 *
 * @throws {@link DeadLetterNotFoundError}
 */
async function find(
  context: BoardContext,
  { connection: named, sequence, time }: OneDeadLetter,
): Promise<{ connection: string; letters: DeadLetters; letter: DeadLetter }> {
  const connection = context.jetstream(named).connection.name;
  const letters = context.source.deadLetters(connection);
  const letter = await letters.get(sequence);
  if (letter.time.getTime() !== Date.parse(time)) throw new DeadLetterNotFoundError(sequence);
  return { connection, letters, letter };
}
