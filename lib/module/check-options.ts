import { InvalidArgumentError } from '../errors/index.js';
import { CONSUMER_OPTIONS } from '../handlers/index.js';
import { checkLimit, refuseUnknownOptions } from '../validation/index.js';
import type { JetStreamModuleOptions } from './jetstream-module-options.interface.js';
import { MODULE_OPTIONS } from './known-options.js';

const FOR_ROOT = 'JetStreamModule.forRoot';
const PROVISIONING = ['ensure', 'assert', 'off'];

/**
 * Refuses options of `forRoot` that do not exist or cannot be right. They may come from a factory, which TypeScript does not
 * check for names that are too many.
 *
 * @throws {@link InvalidArgumentError}
 */
export function checkModuleOptions(options: JetStreamModuleOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new InvalidArgumentError(`options of ${FOR_ROOT}`, `${String(options)} is not an object`);
  refuseUnknownOptions(FOR_ROOT, options, MODULE_OPTIONS);
  const { consumers = {} } = options.handlers ?? {};
  for (const [name, consumer] of Object.entries(consumers))
    refuseUnknownOptions(`handlers.consumers.${name} of ${FOR_ROOT}`, consumer, CONSUMER_OPTIONS);
  checkLimit('bootTimeout', options.bootTimeout);
  checkLimit('shutdownTimeout', options.shutdownTimeout);
  const { provisioning = 'ensure' } = options;
  if (!PROVISIONING.includes(provisioning)) {
    throw new InvalidArgumentError(
      'provisioning',
      `${JSON.stringify(provisioning)} is none of ${PROVISIONING.map((each) => `"${each}"`).join(', ')}`,
    );
  }
}
