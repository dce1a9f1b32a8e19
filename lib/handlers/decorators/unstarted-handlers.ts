import { Logger } from '@nestjs/common';

/** How long after the first handler the module may be imported, in milliseconds. */
const PATIENCE = 2_000;
/** How many classes the warning names. */
const MOST_NAMES = 5;

/** The classes of this process that have handlers, until somebody can start them. */
let waiting: Set<object> | undefined = new Set();

/**
 * Notes that a class has handlers. Without any `JetStreamModule` in the process nothing would ever look at them, and nobody
 * would say so: decorators are all there is.
 */
export function noteHandlerClass(type: object): void {
  if (waiting === undefined) return;
  if (waiting.size === 0) setTimeout(warn, PATIENCE).unref();
  waiting.add(type);
}

/** A `JetStreamModule` is imported in this process: it finds the handlers, and reports those that cannot start. */
export function handlersAreStarted(): void {
  waiting = undefined;
}

function warn(): void {
  if (waiting === undefined) return;
  const names = [...waiting].map((type) => (type as { readonly name: string }).name);
  waiting = undefined;
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} others` : '';
  new Logger('JetStreamModule').warn(
    `The handlers of ${names.slice(0, MOST_NAMES).join(', ')}${more} are not started: no JetStreamModule.forRoot in this ` +
      'process. Import it in the application, or remove the decorators.',
  );
}
