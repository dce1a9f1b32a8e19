import { InvalidArgumentError } from '../errors/index.js';
import { errorText } from '../reporting/index.js';

/**
 * Creates something with a provider of the SDK.
 *
 * @throws {@link InvalidArgumentError} if the provider throws
 */
export function createdWith<T>(option: 'tracerProvider' | 'meterProvider', create: () => T): T {
  try {
    return create();
  } catch (cause) {
    throw new InvalidArgumentError(option, `it failed: ${errorText(cause)}. Check the setup of the SDK`, {
      cause,
    });
  }
}
