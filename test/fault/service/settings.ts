import type { Form } from '../model/forms.js';

/** The settings of a process of a run, passed to it as JSON. */
export interface ProcessSettings {
  readonly role: 'service' | 'driver';
  /** Identifies the process in the history. */
  readonly process: number;
  /** The folder of the journals. */
  readonly folder: string;
  /** The addresses of the proxies before the servers. */
  readonly servers: readonly string[];
  /** The servers themselves, for a witness that faults of links do not affect. */
  readonly direct: readonly string[];
  readonly replicas: number;
  /** Whether it has the handler of `cumulative`, which one process has, and only on nats-server 2.11 or newer. */
  readonly hasCumulative: boolean;
  readonly seed: number;
  /** The longest time of an asynchronous handler, in milliseconds. */
  readonly work: number;
  /** How much longer than usual the pauses between other calls are, so that messages have the machine. */
  readonly pace: number;
  /** How many messages the driver publishes in a second; `null`: as many as the handlers manage. */
  readonly rate: number | null;
}

/** A request to a process. */
export type Command =
  /** Blocks the event loop for some milliseconds. */
  | { readonly type: 'block'; readonly milliseconds: number }
  /** Driver: waits until the handlers have acknowledged messages that were stored after now. */
  | { readonly type: 'recover'; readonly forms: readonly Form[]; readonly timeout: number }
  /** Driver: publishes no more. */
  | { readonly type: 'finish' }
  /** Service: makes no more calls. */
  | { readonly type: 'rest' }
  /** Writes the counts of a service, and closes the application. */
  | { readonly type: 'close'; /** Whether nothing changes any more. */ readonly isQuiet: boolean };

/** A message from a process. */
export type Report =
  | { readonly type: 'ready' }
  /** The command has been carried out. */
  | {
      readonly type: 'done';
      readonly command: Command['type'];
      /** Of `recover`: the handlers that have not acknowledged such messages, the slowest one of the others, and when it had. */
      readonly missing?: readonly string[];
      readonly last?: string;
      readonly at?: number;
    }
  /** Driver: how many messages were stored so far. */
  | { readonly type: 'progress'; readonly stored: number };
