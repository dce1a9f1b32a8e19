import { Logger } from '@nestjs/common';
import { shown } from '../../reporting/index.js';
import { UserCalls } from '../../user-code/index.js';
import { isObject } from '../../validation/index.js';

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

/** Decides whether a caller may do something. An error means no. */
export type AsyncApiAccessRule = (
  context: AsyncApiAccessContext,
  action: AsyncApiAction,
) => AsyncApiAccess | Promise<AsyncApiAccess>;

/** The decision about one action of a caller. */
export interface Decision {
  readonly allowed: boolean;
  /** The name of the caller, if the rule names it. */
  readonly user: string | undefined;
}

const ALLOWED: Decision = { allowed: true, user: undefined };
const REFUSED: Decision = { allowed: false, user: undefined };

/** Asks the rule of the application. Without a rule, everything is allowed that the options allow. */
export class AccessCheck {
  private readonly calls = new UserCalls(new Logger('JetStreamAsyncApi'));

  constructor(private readonly rule: AsyncApiAccessRule | undefined) {}

  /** Never rejects: if the rule fails, or returns an invalid answer, the action is refused and the failure is logged. */
  async decide(context: AsyncApiAccessContext, action: AsyncApiAction): Promise<Decision> {
    const { rule } = this;
    if (rule === undefined) return ALLOWED;
    try {
      const answer: unknown = await rule(context, action);
      if (typeof answer === 'boolean') return answer ? ALLOWED : REFUSED;
      if (isObject(answer) && typeof answer.allowed === 'boolean') {
        const { allowed, user } = answer;
        return { allowed, user: typeof user === 'string' ? user : undefined };
      }
      this.calls.failed(NAME, new TypeError(`it returned ${shown(answer)} instead of true or false`));
    } catch (error) {
      this.calls.failed(NAME, error);
    }
    return REFUSED;
  }
}

const NAME = 'The option access of JetStreamAsyncApiModule';
