import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FORM_NAMES } from './forms.js';
import type { KeyOperation, KeyStart, Note, Noted } from './notes.js';
import { KINDS, type MessageEvent, RECORD_SIZE } from './records.js';

/**
 * Everything that was recorded in a run. A run has millions of message events, so they are read from the bytes of the
 * journals when they are asked for.
 */
export class History {
  /**
   * When the last deletion of the stream ended. Messages that were published before are not checked: they may have
   * belonged to the deleted incarnation.
   */
  readonly streamSince: number;

  private constructor(
    private readonly sources: readonly (() => Iterable<MessageEvent>)[],
    readonly notes: readonly Noted[],
  ) {
    const deletions = this.notesOf('fault').filter(({ deletesStream }) => deletesStream);
    this.streamSince = Math.max(-Infinity, ...deletions.map(({ healed }) => healed));
  }

  /** The history of the journals in a folder. */
  static async read(folder: string): Promise<History> {
    const sources: (() => Iterable<MessageEvent>)[] = [];
    const notes: Noted[] = [];
    for (const file of await readdir(folder)) {
      const [name, kind] = file.split('.');
      const process = Number(name);
      if (kind === 'messages') {
        const bytes = await readFile(join(folder, file));
        sources.push(() => decode(bytes, process));
      } else if (kind === 'notes') {
        // The last line of a killed process may be incomplete.
        const lines = (await readFile(join(folder, file), 'utf8')).split('\n').slice(0, -1);
        notes.push(...lines.map((line) => ({ ...(JSON.parse(line) as Note), process })));
      }
    }
    return new History(sources, notes);
  }

  /** A history of given events, for tests of checkers. */
  static of(
    events: readonly Partial<MessageEvent>[],
    notes: readonly (Note & { process?: number })[] = [],
  ): History {
    const complete = events.map((event, i) => ({ ...BLANK, at: i, ...event }));
    return new History(
      [() => complete],
      notes.map((note) => ({ process: 1, ...note })),
    );
  }

  /** All events of messages; those of one process are in order. */
  *messages(): Generator<MessageEvent> {
    for (const source of this.sources) yield* source();
  }

  /** The operations on keys. Writes that a process had begun when it was killed have an unknown outcome. */
  keyOperations(): Noted<KeyOperation>[] {
    const ended = this.notesOf('key');
    const ids = new Set(ended.map(idOf));
    const unfinished = this.notesOf('key-start').filter((start) => !ids.has(idOf(start)));
    return [
      ...ended,
      ...unfinished.map((start) => ({
        ...start,
        type: 'key' as const,
        returned: start.invoked,
        outcome: 'unknown' as const,
        revision: 0,
      })),
    ];
  }

  notesOf<T extends Note['type']>(type: T): Noted<Extract<Note, { type: T }>>[] {
    return this.notes.filter((note): note is Noted<Extract<Note, { type: T }>> => note.type === type);
  }
}

function idOf({ process, key, operation, invoked, value }: Noted<KeyOperation | KeyStart>): string {
  return `${process} ${key} ${operation} ${invoked} ${operation === 'get' ? '' : value}`;
}

const BLANK: MessageEvent = {
  kind: 'stored',
  form: 'sync',
  process: 1,
  id: 0,
  sequence: 0,
  delivery: 0,
  at: 0,
  until: 0,
};

/** Reads the fields of records through typed arrays, which is several times as fast as reading them from a buffer. */
function* decode(bytes: Uint8Array, process: number): Generator<MessageEvent> {
  const records = Math.floor(bytes.length / RECORD_SIZE);
  // Typed arrays need a multiple of their size as offset.
  const { buffer } = bytes.byteOffset % 8 === 0 ? bytes : Uint8Array.from(bytes);
  const offset = bytes.byteOffset % 8 === 0 ? bytes.byteOffset : 0;
  const tags = new Uint8Array(buffer, offset, records * RECORD_SIZE);
  const numbers = new Uint32Array(buffer, offset, (records * RECORD_SIZE) / 4);
  const times = new Float64Array(buffer, offset, (records * RECORD_SIZE) / 8);
  for (let i = 0; i < records; i++) {
    yield {
      kind: KINDS[tags[i * RECORD_SIZE]],
      form: FORM_NAMES[tags[i * RECORD_SIZE + 1]],
      process,
      id: numbers[i * 8 + 1],
      sequence: numbers[i * 8 + 2],
      delivery: numbers[i * 8 + 3],
      at: times[i * 4 + 2],
      until: times[i * 4 + 3],
    };
  }
}
