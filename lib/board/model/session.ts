import type { BoardActionName } from './actions.js';
import type { BoardViewName } from './views.js';

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

export interface ConnectionRow {
  readonly name: string;
  readonly connected: boolean;
  /** The version of nats-server; absent if it is not connected. */
  readonly server?: string;
}
