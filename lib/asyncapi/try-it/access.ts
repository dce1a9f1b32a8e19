import type { AccessCheck } from '../../pages/index.js';

/** The actions of the page: to `read` the page and its document, and those of `tryIt`. */
export type AsyncApiAction = 'read' | 'publish' | 'request' | 'dry-run' | 'messages';

/** The request of a caller, and the channel that it concerns. */
export interface AsyncApiAccessContext {
  /** The request of the HTTP platform, as guards and middleware left it: that of Express or of Fastify. */
  readonly request: unknown;
  /** The channel of the document; `undefined` for `read`, and while the page asks which actions to show. */
  readonly channel?: string | undefined;
  /** The subject of a message; `undefined` if there is none. */
  readonly subject?: string | undefined;
}

/** Whether a caller may do something; `user` is the name of the caller in the log. */
export type AsyncApiAccess = boolean | { readonly allowed: boolean; readonly user?: string | undefined };

/** Decides whether a caller may do something. An error, or no answer within 5 s, means no. */
export type AsyncApiAccessRule = (
  context: AsyncApiAccessContext,
  action: AsyncApiAction,
) => AsyncApiAccess | Promise<AsyncApiAccess>;

/** Asks the {@link AsyncApiAccessRule} of the application. */
export type AsyncApiAccessCheck = AccessCheck<AsyncApiAccessContext, AsyncApiAction>;
