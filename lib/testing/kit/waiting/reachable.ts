import { isMessageContract } from '../../../contracts/index.js';
import { InvalidArgumentError } from '../../../errors/index.js';
import type { HandledMatcher } from '../flow.js';
import type { HandlerGroups } from '../tracking/index.js';

/** The largest number of handlers that are listed. */
const MOST_HANDLERS = 10;

/**
 * Checks that a handler may receive what is selected. Otherwise the expectation that nothing is delivered would always be met, such
 * as with a wrong subject.
 *
 * @throws {@link InvalidArgumentError}
 */
export function checkReachable(
  { handler, subject }: Pick<HandledMatcher, 'handler' | 'subject'>,
  groups: HandlerGroups,
): void {
  const filter = isMessageContract(subject) ? subject.filter : subject;
  if (groups.mayReceive(filter, handler)) return;
  if (filter === undefined) {
    throw new InvalidArgumentError(
      'selector',
      'the application has no handler that receives messages, so the expectation could not fail. To expect that nothing is ' +
        'published, use kit.expectNothingPublished()',
    );
  }
  const receiving =
    handler === undefined ? 'no handler of the application receives' : `${handler} does not receive`;
  throw new InvalidArgumentError(
    'subject',
    `${receiving} "${filter}", so the expectation could not fail. ${described(groups, handler)} Correct the subject, or use ` +
      `kit.expectNothingPublished() to expect that nothing is published to it`,
  );
}

function described(groups: HandlerGroups, only: string | undefined): string {
  const all = groups.receivedBy.filter(({ handler }) => only === undefined || handler === only);
  const shown = all.slice(0, MOST_HANDLERS).map(({ handler, subjects }) => `${handler}: ${subjects}`);
  const more = all.length > shown.length ? `; and ${all.length - shown.length} more` : '';
  return `Handlers receive: ${shown.join('; ')}${more}.`;
}
