import type { BoardActionName } from '../model/index.js';

/** The actions of callers: to `read` the board, to `download` payloads, and each of its actions. */
export type BoardAction = 'read' | 'download' | BoardActionName;

/** The request of a caller, and what it concerns. */
export interface BoardAccessContext {
  /** The request of the HTTP platform, as guards and middleware left it: that of Express or of Fastify. */
  readonly request: unknown;
  /** The view for `read`, or what is downloaded for `download`; `undefined` for the page itself and its event stream. */
  readonly name?: string | undefined;
  /**
   * The parameters of the view, or the input of the action, as the caller has sent them: they are checked later.
   * `undefined` while the page asks which actions to show.
   */
  readonly input?: Readonly<Record<string, unknown>> | undefined;
}

/** Whether a caller may do something; `user` is the name of the caller in logs, events and jobs. */
export type BoardAccess = boolean | { readonly allowed: boolean; readonly user?: string | undefined };

/** Decides whether a caller may do something. An error, or no answer within 5 s, means no. */
export type BoardAccessRule = (
  context: BoardAccessContext,
  action: BoardAction,
) => BoardAccess | Promise<BoardAccess>;
