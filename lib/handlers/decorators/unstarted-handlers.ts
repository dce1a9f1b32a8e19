import { Logger } from '@nestjs/common';

/** How long to wait for the module to be imported after the first handler was declared, in milliseconds. */
const PATIENCE = 2_000;
/** The maximum number of classes that the warning names. */
const MOST_NAMES = 5;

/** The classes of this process that have handlers, as long as no `JetStreamModule` is imported. */
let waiting: Set<object> | undefined = new Set();

/**
 * Registers that a class has handlers. Decorators alone do nothing: without a `JetStreamModule` in the process, the
 * handlers would never start, and no error would report it.
 */
export function noteHandlerClass(type: object): void {
  if (waiting === undefined) return;
  if (waiting.size === 0) setTimeout(warn, PATIENCE).unref();
  waiting.add(type);
}

/**
 * Called when a `JetStreamModule` is imported in this process. From then on, the module finds the handlers and reports
 * those that cannot start.
 */
export function handlersAreStarted(): void {
  waiting = undefined;
}

function warn(): void {
  if (waiting === undefined) return;
  const names = [...waiting].map((type) => (type as { readonly name: string }).name);
  waiting = undefined;
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} others` : '';
  new Logger('JetStreamModule').warn(
    `The handlers of ${names.slice(0, MOST_NAMES).join(', ')}${more} are not started: this process imports no ` +
      'JetStreamModule.forRoot. Import it in the application, or remove the decorators.',
  );
}
