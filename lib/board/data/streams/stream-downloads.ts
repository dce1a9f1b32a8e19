import { required } from '../../../validation/index.js';
import type { Downloads } from '../answers.js';
import type { BoardContext } from '../board-context.js';
import { CONNECTION, nameText, sequenceText } from '../inputs.js';
import { wholeFile } from '../whole-file.js';

/** The payloads of messages as files. */
export function streamDownloads(context: BoardContext): Downloads<'message'> {
  return {
    message: {
      parameters: { ...CONNECTION, stream: required(nameText), sequence: required(sequenceText) },
      async open({ connection, stream: name, sequence }, signal) {
        const stream = await context.jetstream(connection).stream(name, { signal });
        const { data } = await stream.getMessage(Number(sequence), { signal });
        return wholeFile(`${name}-${sequence}.bin`, data);
      },
    },
  };
}
