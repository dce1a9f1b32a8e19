import type { INestApplicationContext } from '@nestjs/common';
import type { AsyncApiDocument } from './asyncapi-document.interface.js';
import type { AsyncApiOptions } from './asyncapi-options.interface.js';
import { describeApplication } from './describe-application.js';

/**
 * Describes what an application sends and receives, as an AsyncAPI 3.0 document. Everything follows from its handlers,
 * publishers, `@PublishTo`, patterns of microservices, and declared streams and buckets.
 *
 * It asks no server, so it works with `forRoot({ connect: false })`, and returns the same document as for a connected
 * application. Factories of handler options are called again.
 *
 * A payload that cannot be described becomes `{}`, and a warning in the log names the message and the reason.
 *
 * @throws {@link InvalidArgumentError} if options are unknown or invalid, or name a connection that does not exist
 * @throws {@link HandlerConfigurationError} if handlers have mistakes, which would also stop the startup
 * @throws {@link PackageNotInstalledError} if the schema of a message is a class, and class-validator is missing
 */
export async function createAsyncApiDocument(
  app: INestApplicationContext,
  options: AsyncApiOptions,
): Promise<AsyncApiDocument> {
  return describeApplication(app, options);
}
