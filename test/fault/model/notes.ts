/** One operation on a key of a bucket, as its client saw it. Times are those of `now()`. */
export interface KeyOperation {
  readonly type: 'key';
  readonly key: string;
  readonly operation: 'get' | 'put' | 'create' | 'update' | 'delete';
  readonly invoked: number;
  /** When it ended; an operation of an unknown outcome may take effect later. */
  readonly returned: number;
  /** `refused`: it had no effect, because its condition was not met. */
  readonly outcome: 'done' | 'refused' | 'unknown';
  /** The value that was written or read; `null` for none. Each write has a value of its own. */
  readonly value: number | null;
  /** The revision that was read or written; 0 if it is unknown. */
  readonly revision: number;
  /** The revision that an `update` expects. */
  readonly expected?: number | undefined;
}

/** A write of a key begins. A process that is killed does not note how its last writes ended. */
export interface KeyStart extends Pick<KeyOperation, 'key' | 'operation' | 'invoked' | 'value' | 'expected'> {
  readonly type: 'key-start';
}

/** A holder of a lock, or a leader, acts: it has checked at this time, or just after, that it still is one. */
export interface Act {
  readonly type: 'act';
  /** `lock` or `leader`, and its key. */
  readonly resource: string;
  /** The fencing token. */
  readonly fence: number;
  readonly at: number;
}

/** The deliveries of one process, counted in three ways; written when it stops. */
export interface Counts {
  readonly type: 'counts';
  readonly form: string;
  /** How many deliveries the instrument saw begin, and how many of these end. */
  readonly started: number;
  readonly ended: number;
  /** Deliveries that ended without a start: returned to the server before a handler was called. */
  readonly returned: number;
  /** The deliveries that ended, of the Prometheus metrics. */
  readonly measured: number;
}

/** The state of a durable consumer at the end of a run. */
export interface ConsumerEnd {
  readonly type: 'consumer';
  readonly form: string;
  /** How many deliveries the server has made. */
  readonly delivered: number;
  readonly pending: number;
  readonly unacknowledged: number;
}

/** A change of a watched key, or a message of a subscription, which is received in order and once. */
export interface Received {
  readonly type: 'received';
  readonly source: string;
  readonly number: number;
  readonly at: number;
}

/** A fault, from its start until servers, links and processes worked again, and until each handler handled new messages. */
export interface FaultNote {
  readonly type: 'fault';
  readonly name: string;
  readonly began: number;
  readonly healed: number;
  readonly recovered: number;
  /**
   * How long it took until each handler had handled a message that was stored later, in milliseconds: from the start of
   * the fault if the service can continue without what failed, and otherwise from its end.
   */
  readonly recovery: number;
  /** Whether the fault deleted the stream, and so the messages that were published before it ended. */
  readonly deletesStream: boolean;
  /** Whether it may separate a leader from the other servers, so that it answers reads without knowing of the next leader. */
  readonly separatesLeaders: boolean;
  /** Whether consumers may start to count again. */
  readonly deletesConsumer: boolean;
}

/** A stream or consumer has a new leader, according to the advisory of its server. */
export interface Election {
  readonly type: 'election';
  /** The stream, or the stream and the consumer: `WORK/async`. */
  readonly asset: string;
  readonly at: number;
}

/** A problem that the process itself has seen, for example an object with the wrong content. */
export interface Problem {
  readonly type: 'problem';
  readonly text: string;
  readonly at: number;
}

/** The memory of a process, in bytes, after a garbage collection. */
export interface Memory {
  readonly type: 'memory';
  readonly heap: number;
  readonly at: number;
}

export type Note =
  KeyOperation | KeyStart | Act | Counts | ConsumerEnd | Received | FaultNote | Election | Problem | Memory;

/** A note with the process that has written it. */
export type Noted<T extends Note = Note> = T & { readonly process: number };
