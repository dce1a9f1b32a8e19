import { InvalidArgumentError } from '../../errors/index.js';
import { errorText } from '../../reporting/index.js';
import { pendingThenable } from '../../user-code/index.js';
import type { DefaultHeaders, PublishHeaders } from './publish-options.js';

/**
 * The default headers of a message.
 *
 * @param option the name of the option, for errors
 * @throws {@link InvalidArgumentError} if the function of the application fails, or returns a promise
 */
export function defaultHeaders(
  option: string,
  defaults: DefaultHeaders | undefined,
  subject: string,
): PublishHeaders | undefined {
  if (typeof defaults !== 'function') return defaults;
  let headers: PublishHeaders | undefined;
  try {
    headers = defaults({ subject });
  } catch (cause) {
    throw new InvalidArgumentError(option, `the function failed: ${errorText(cause)}`, { cause });
  }
  const pending = pendingThenable(headers);
  if (pending === undefined) return headers ?? undefined;
  pending.catch(() => undefined);
  throw new InvalidArgumentError(option, 'the function returned a promise; it must return headers');
}
