import type { BoardActionName } from './actions.js';
import type {
  DeadLetterSelection,
  DeadLettersView,
  DeadLetterView,
  JobRow,
  JobsView,
} from './dead-letters.js';
import type { BoardEvent, FlowView, HandlersView, InstancesView } from './handlers.js';
import type { SchedulesView } from './schedules.js';
import type { ConnectionRow } from './session.js';
import type {
  BucketsView,
  ConsumersView,
  EntryView,
  KeysView,
  MessagesView,
  ObjectsView,
  StreamsView,
  StreamView,
} from './streams.js';

/** All views have the parameter `connection`: the name of a connection, by default the first one. */
interface OnConnection {
  readonly connection?: string;
}

/** Parameters of a view in pages. Numbers are sent as decimal text. */
interface Paged extends OnConnection {
  readonly after?: string;
  /** From 1 to 200. Default 50. */
  readonly limit?: string;
}

/** `GET api/<name>?<parameters>` answers with the result. */
export interface BoardViews {
  readonly session: { readonly query: object; readonly result: SessionView };
  readonly handlers: { readonly query: OnConnection; readonly result: HandlersView };
  readonly instances: { readonly query: OnConnection; readonly result: InstancesView };
  readonly flow: { readonly query: OnConnection; readonly result: FlowView };
  readonly streams: { readonly query: Paged & { readonly search?: string }; readonly result: StreamsView };
  readonly stream: {
    readonly query: OnConnection & { readonly stream: string };
    readonly result: StreamView;
  };
  readonly consumers: { readonly query: Paged & { readonly stream: string }; readonly result: ConsumersView };
  readonly messages: {
    readonly query: Paged & { readonly stream: string; readonly subject?: string };
    readonly result: MessagesView;
  };
  readonly 'dead-letters': { readonly query: Paged & DeadLetterSelection; readonly result: DeadLettersView };
  readonly 'dead-letter': {
    readonly query: OnConnection & { readonly sequence: string };
    readonly result: DeadLetterView;
  };
  readonly jobs: { readonly query: OnConnection; readonly result: JobsView };
  readonly job: { readonly query: OnConnection & { readonly id: string }; readonly result: JobRow };
  readonly buckets: {
    readonly query: Paged & { readonly kind: 'key-value' | 'object-store' };
    readonly result: BucketsView;
  };
  readonly keys: {
    readonly query: Paged & { readonly bucket: string; readonly filter?: string };
    readonly result: KeysView;
  };
  readonly entry: {
    readonly query: OnConnection & { readonly bucket: string; readonly key: string };
    readonly result: EntryView;
  };
  readonly objects: { readonly query: Paged & { readonly bucket: string }; readonly result: ObjectsView };
  readonly schedules: { readonly query: object; readonly result: SchedulesView };
  /** The events since the first reader connected, newest first, up to 500; the event stream sends further ones. */
  readonly events: { readonly query: object; readonly result: { readonly rows: readonly BoardEvent[] } };
}

export type BoardViewName = keyof BoardViews;

/**
 * `GET raw/<name>?<parameters>` answers with the whole payload as a file, unless payloads are masked.
 */
export interface BoardDownloads {
  readonly message: OnConnection & { readonly stream: string; readonly sequence: string };
  readonly 'dead-letter': OnConnection & { readonly sequence: string };
  readonly entry: OnConnection & { readonly bucket: string; readonly key: string; readonly revision: string };
  readonly object: OnConnection & { readonly bucket: string; readonly name: string };
}

/**
 * `GET live` is the stream of server-sent events. Each has the name of the data and JSON: `handlers` every second or two
 * while there are readers, `jobs` when one changed (at most twice a second), `event` for each event, and `end` before the
 * server closes it because access ended: then the page does not connect again.
 */
export interface BoardLive {
  readonly handlers: HandlersView;
  readonly jobs: JobsView;
  readonly event: BoardEvent;
  readonly end: { readonly reason: string };
}

/** The view `session`: what the caller may see and do here. */
export interface SessionView {
  readonly title: string;
  readonly readOnly: boolean;
  /** The actions that options, server and the caller's rights allow. */
  readonly actions: readonly BoardActionName[];
  readonly views: readonly BoardViewName[];
  /** Whether the raw payload may be downloaded. */
  readonly download: boolean;
  readonly connections: readonly ConnectionRow[];
  /** This instance, if it is a service. */
  readonly service?: { readonly name: string; readonly id: string };
}
