import type { PageOf, ShownMessage } from './common.js';

/** Selects dead letters. Everything that is given must match. */
export interface DeadLetterSelection {
  readonly stream?: string;
  readonly consumer?: string;
  readonly handler?: string;
  readonly reason?: string;
  /** A subject or a subject filter of the originals. */
  readonly subject?: string;
  /** Stored at or after this time. */
  readonly since?: string;
  /** Stored before this time. */
  readonly until?: string;
}

/** The view `dead-letters`: newest first. `after` is the sequence below which the page begins. */
export interface DeadLettersView extends PageOf<DeadLetterRow> {
  /** Whether the server stopped before it had a full page, because it had read as many as one request may. */
  readonly more: boolean;
}

export interface DeadLetterRow {
  readonly sequence: number;
  readonly time: string;
  readonly stream: string;
  readonly consumer: string;
  readonly handler: string;
  readonly subject: string;
  /** Empty if payloads are masked and the handler has chosen it. */
  readonly reason: string;
  readonly error: string;
  readonly deliveries: number;
  readonly size: number;
}

/** The view `dead-letter`. */
export interface DeadLetterView extends DeadLetterRow {
  readonly streamSequence: number;
  readonly published: string;
  readonly stack?: string;
  /** The headers and the payload of the original. */
  readonly message: Pick<ShownMessage, 'headers' | 'payload'>;
  /** Whether the dead letter was stored without the payload, which is still in the stream of the original. */
  readonly omitted: boolean;
  /** Whether the handler runs in this process, so that `replay` can call it. */
  readonly canCallHandler: boolean;
}

export type JobKind = 'replay' | 'drop' | 'search';

/** `stopped` jobs can be continued. A job whose instance ended is `interrupted`, and can be continued by each instance. */
export type JobState = 'running' | 'stopped' | 'interrupted' | 'done' | 'failed';

/** A background job over dead letters. Its progress is stored, and survives the instance that runs it. */
export interface JobRow {
  readonly id: string;
  readonly kind: JobKind;
  readonly state: JobState;
  readonly selection: DeadLetterSelection;
  /** The text of a search. */
  readonly text?: string;
  /** `replay`: where to. */
  readonly to?: 'subject' | 'handler';
  /** At most so many per second; absent without a limit. */
  readonly rate?: number;
  /** Jobs work on what existed at their start: up to this sequence. */
  readonly until: number;
  /** The last sequence that is finished. */
  readonly position: number;
  /** How many matched and were replayed, dropped or found. */
  readonly done: number;
  /** How many were read. */
  readonly read: number;
  readonly failed: number;
  /** An upper bound of how many will be read. */
  readonly total: number;
  readonly startedAt: string;
  readonly endedAt?: string;
  /** The person who started it. */
  readonly by?: string;
  /** The id of the instance that runs it. */
  readonly instance?: string;
  readonly lastError?: string;
  /** The dead letters that a search found, newest first, up to 1,000. */
  readonly found?: readonly DeadLetterRow[];
}

/** The view `jobs`: newest first, up to 100. */
export interface JobsView {
  readonly rows: readonly JobRow[];
}
