import { Logger } from '@nestjs/common';
import { shown } from '../reporting/index.js';
import { within } from '../timing/index.js';
import { UserCalls } from '../user-code/index.js';
import { isObject } from '../validation/index.js';

/** How long a rule may take, in milliseconds. */
const LIMIT = 5_000;

/** The answer of a rule; `user` is the name of the caller in the log. */
export type AccessAnswer = boolean | { readonly allowed: boolean; readonly user?: string | undefined };

/** The decision about one action of a caller. */
export interface AccessDecision {
  readonly allowed: boolean;
  /** The name of the caller, if the rule names it. */
  readonly user: string | undefined;
}

const ALLOWED: AccessDecision = { allowed: true, user: undefined };
const REFUSED: AccessDecision = { allowed: false, user: undefined };

/**
 * Asks the option `access` of a page whether a caller may do something. Without the option, everything is allowed that the
 * other options allow.
 */
export class AccessCheck<Context, Action extends string> {
  private readonly calls: UserCalls;
  private readonly name: string;

  /**
   * @param module the module of the page, such as `JetStreamAsyncApiModule`
   * @param logger the name of its logger
   */
  constructor(
    private readonly rule:
      ((context: Context, action: Action) => AccessAnswer | Promise<AccessAnswer>) | undefined,
    module: string,
    logger: string,
  ) {
    this.name = `The option access of ${module}`;
    this.calls = new UserCalls(new Logger(logger));
  }

  /**
   * Never rejects: if the rule fails, takes longer than 5 s, or returns an invalid answer, the action is refused and the
   * failure is logged.
   */
  async decide(context: Context, action: Action): Promise<AccessDecision> {
    const { rule } = this;
    if (rule === undefined) return ALLOWED;
    try {
      const asked = (async (): Promise<unknown> => rule(context, action))();
      if (!(await within(LIMIT, asked))) throw new Error(`it has not answered within ${LIMIT} ms`);
      const answer = await asked;
      if (typeof answer === 'boolean') return answer ? ALLOWED : REFUSED;
      if (isObject(answer) && typeof answer.allowed === 'boolean') {
        const { allowed, user } = answer;
        return { allowed, user: typeof user === 'string' ? user : undefined };
      }
      this.calls.failed(this.name, new TypeError(`it returned ${shown(answer)} instead of true or false`));
    } catch (error) {
      this.calls.failed(this.name, error);
    }
    return REFUSED;
  }
}
