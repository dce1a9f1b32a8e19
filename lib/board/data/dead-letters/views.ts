import type { DeadLetter } from '../../../consuming/index.js';
import { StreamNotFoundError } from '../../../errors/index.js';
import { isInstance } from '../../../reporting/index.js';
import { required } from '../../../validation/index.js';
import type { BoardViews, DeadLettersView, DeadLetterView } from '../../model/index.js';
import type { View, Views } from '../answers.js';
import type { BoardContext } from '../board-context.js';
import { CONNECTION, PAGED, pageOf, sequenceText } from '../inputs.js';
import { pageOfRows } from '../page-of-rows.js';
import { rawOf, rowOf, rowWith } from './rows.js';
import { filterOf, selectionRules } from './selection.js';
import { deadLetterCount } from './total.js';

/** The lists and the single view of dead letters. */
export function deadLetterViews(context: BoardContext): Views<'dead-letters' | 'dead-letter'> {
  return { 'dead-letters': list(context), 'dead-letter': single(context) };
}

type ListQuery = BoardViews['dead-letters']['query'];

function list(context: BoardContext): View<'dead-letters'> {
  return {
    parameters: { ...PAGED, ...selectionRules(context.payloads) },
    async answer(query, signal): Promise<DeadLettersView> {
      try {
        return await pageFor(context, query, signal);
      } catch (error) {
        // There is no such stream before the first application with dead letters has started.
        if (isInstance(error, StreamNotFoundError)) return { rows: [], more: false, total: 0 };
        throw error;
      }
    },
  };
}

async function pageFor(
  context: BoardContext,
  query: ListQuery,
  signal: AbortSignal,
): Promise<DeadLettersView> {
  const { after, connection: named, limit: _, ...selection } = query;
  const jetstream = context.jetstream(named);
  const { name } = jetstream.connection;
  const range = pageOf(query);
  const filter = filterOf(selection);
  const hasFilter = Object.keys(filter).length > 0;
  const [{ letters, next }, total] = await Promise.all([
    context.source.deadLetters(name).page(filter, { ...range, order: 'newest', signal }),
    hasFilter || after !== undefined ? undefined : deadLetterCount(jetstream, signal),
  ]);
  const rows = await Promise.all(letters.map((letter) => rowOf(letter, context.payloads, name)));
  return { ...pageOfRows(rows, next, total), more: next !== undefined && letters.length < range.limit };
}

function single(context: BoardContext): View<'dead-letter'> {
  return {
    parameters: { ...CONNECTION, sequence: required(sequenceText) },
    async answer({ connection: named, sequence }, signal): Promise<DeadLetterView> {
      const { name } = context.jetstream(named).connection;
      const letters = context.source.deadLetters(name);
      const letter = await letters.get(Number(sequence), { signal });
      const shown = await context.payloads.show(rawOf(name, letter));
      return {
        ...rowWith(letter, shown, context.payloads),
        streamSequence: letter.streamSequence,
        published: letter.published.toISOString(),
        message: { headers: shown.headers, payload: shown.payload },
        omitted: letter.omittedPayloadSize !== undefined,
        canCallHandler: runsHere(letter, letters.handlers),
      };
    },
  };
}

/** Whether the handler of a dead letter runs in this process. */
function runsHere(
  { consumer, stream, subject }: DeadLetter,
  handlers: { find(stream: string, consumer: string, subject: string): unknown },
): boolean {
  return handlers.find(stream, consumer, subject) !== undefined;
}
