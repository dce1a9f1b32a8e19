import { required } from '../../../validation/index.js';
import { type BoardFile, type Downloads, fileOf } from '../answers.js';
import type { BoardContext } from '../board-context.js';
import { CONNECTION, sequenceText } from '../inputs.js';

/** The file with the payload of a dead letter. */
export function deadLetterDownloads(context: BoardContext): Downloads<'dead-letter'> {
  return {
    'dead-letter': {
      parameters: { ...CONNECTION, sequence: required(sequenceText) },
      async open({ connection: named, sequence }, signal): Promise<BoardFile> {
        const { name } = context.jetstream(named).connection;
        const { data } = await context.source.deadLetters(name).get(Number(sequence), { signal });
        return fileOf(`dead-letter-${sequence}.bin`, data);
      },
    },
  };
}
