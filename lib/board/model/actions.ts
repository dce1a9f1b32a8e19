import type { DeadLetterSelection, JobRow } from './dead-letters.js';

interface OnConnection {
  readonly connection?: string;
}

/** A command for a handler: of one instance, or of all instances of its service. */
interface HandlerCommand {
  /** The service; absent for the application that serves the board, if it is not a service. */
  readonly service?: string;
  /** Its `controlName`. */
  readonly handler: string;
  /** The instance. Default: all. */
  readonly id?: string;
}

/** The result for each instance. */
export interface HandlerCommandResult {
  readonly results: readonly { readonly id: string; readonly error?: string }[];
}

interface ConsumerCommand extends OnConnection {
  readonly stream: string;
  readonly consumer: string;
}

interface OneDeadLetter extends OnConnection {
  readonly sequence: number;
  /** When it was stored, as the page shows it: another one with this sequence is not touched. */
  readonly time: string;
}

interface NewJob extends OnConnection {
  readonly selection: DeadLetterSelection;
  /** At most so many per second, from 1. Default: no limit. */
  readonly rate?: number;
}

/** `POST api/<name>` with the input as JSON answers with the result. */
export interface BoardActions {
  readonly 'pause-handler': { readonly input: HandlerCommand; readonly result: HandlerCommandResult };
  readonly 'resume-handler': { readonly input: HandlerCommand; readonly result: HandlerCommandResult };
  readonly 'stop-handler': { readonly input: HandlerCommand; readonly result: HandlerCommandResult };
  readonly 'start-handler': { readonly input: HandlerCommand; readonly result: HandlerCommandResult };
  /** Pauses a consumer on the server (nats-server 2.11): for all instances, also across deployments. */
  readonly 'pause-consumer': {
    readonly input: ConsumerCommand & { readonly until: string };
    readonly result: { readonly pausedUntil: string };
  };
  readonly 'resume-consumer': { readonly input: ConsumerCommand; readonly result: object };
  readonly replay: {
    readonly input: OneDeadLetter & { readonly to?: 'subject' | 'handler' };
    readonly result: object;
  };
  /** Publishes the changed message to its subject, and drops the dead letter. */
  readonly 'edit-and-replay': {
    readonly input: OneDeadLetter & {
      readonly payload: { readonly form: 'text' | 'base64'; readonly content: string };
      /** All headers of the message; without it, those of the original. */
      readonly headers?: readonly (readonly [name: string, values: readonly string[]])[];
    };
    readonly result: { readonly stream: string; readonly sequence: number };
  };
  readonly drop: { readonly input: OneDeadLetter; readonly result: object };
  readonly 'replay-all': {
    readonly input: NewJob & { readonly to?: 'subject' | 'handler' };
    readonly result: JobRow;
  };
  readonly 'drop-all': { readonly input: NewJob; readonly result: JobRow };
  /** Looks for a text in subjects, errors, headers and payloads. Needs the right to read only. */
  readonly search: { readonly input: NewJob & { readonly text: string }; readonly result: JobRow };
  readonly 'stop-job': { readonly input: OnConnection & { readonly id: string }; readonly result: JobRow };
  readonly 'continue-job': {
    readonly input: OnConnection & { readonly id: string; readonly rate?: number };
    readonly result: JobRow;
  };
  /** Forgets a job that does not run. */
  readonly 'remove-job': { readonly input: OnConnection & { readonly id: string }; readonly result: object };
  readonly 'pause-schedule': { readonly input: { readonly name: string }; readonly result: object };
  readonly 'resume-schedule': { readonly input: { readonly name: string }; readonly result: object };
  readonly 'run-schedule': {
    readonly input: { readonly name: string };
    readonly result: { readonly id: string };
  };
}

/** The actions of the board that callers can carry out, besides reading. */
export type BoardActionName = keyof BoardActions;
