import { required } from '../../../validation/index.js';
import type { BoardFile, Downloads } from '../answers.js';
import type { BoardContext } from '../board-context.js';
import { CONNECTION, sequenceText } from '../inputs.js';
import { wholeFile } from '../whole-file.js';

/** The file with the payload of a dead letter. */
export function deadLetterDownloads(context: BoardContext): Downloads<'dead-letter'> {
  return {
    'dead-letter': {
      parameters: { ...CONNECTION, sequence: required(sequenceText) },
      async open({ connection: named, sequence }, signal): Promise<BoardFile> {
        const { name } = context.jetstream(named).connection;
        const { data } = await context.source.deadLetters(name).get(Number(sequence), { signal });
        return wholeFile(`dead-letter-${sequence}.bin`, data);
      },
    },
  };
}
