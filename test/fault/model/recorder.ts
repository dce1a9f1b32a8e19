import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { now } from './clock.js';
import type { Form } from './forms.js';
import type { Note } from './notes.js';
import { encodeRecord, type Kind, RECORD_SIZE } from './records.js';

/** How many records are written at once at most. */
const BUFFERED = 512;

/** The values of a record that depend on its kind. */
export interface RecordOf {
  readonly id: number;
  readonly sequence?: number;
  readonly delivery?: number;
  readonly at?: number;
  readonly until?: number;
}

/**
 * The journal of one process. Starts of handlers are written together with the next other record; everything else is written
 * before the method returns, so that it survives any end of the process, and precedes what the process does next.
 */
export class Recorder implements Disposable {
  private readonly messages: number;
  private readonly notes: number;
  private readonly buffer = Buffer.alloc(BUFFERED * RECORD_SIZE);
  private filled = 0;

  /**
   * @param process a number that identifies the process in this run
   * @param mayBeKilled whether records must survive the end of the process
   */
  constructor(
    folder: string,
    process: number,
    private readonly mayBeKilled: boolean,
  ) {
    this.messages = openSync(join(folder, `${process}.messages`), 'a');
    this.notes = openSync(join(folder, `${process}.notes`), 'a');
  }

  record(kind: Kind, form: Form, { id, sequence = 0, delivery = 0, at = now(), until = 0 }: RecordOf): void {
    encodeRecord({ kind, form, id, sequence, delivery, at, until }, this.buffer, this.filled++ * RECORD_SIZE);
    if ((this.mayBeKilled && kind !== 'begun') || this.filled === BUFFERED) this.flush();
  }

  note(note: Note): void {
    writeSync(this.notes, `${JSON.stringify(note)}\n`);
  }

  problem(text: string): void {
    this.note({ type: 'problem', text, at: now() });
  }

  flush(): void {
    if (this.filled > 0) writeSync(this.messages, this.buffer, 0, this.filled * RECORD_SIZE);
    this.filled = 0;
  }

  [Symbol.dispose](): void {
    this.flush();
    closeSync(this.messages);
    closeSync(this.notes);
  }
}
