import { propertyOf } from '../../reporting/index.js';
import { Deadline } from '../../timing/index.js';
import type { JetStreamConnection } from '../jetstream-connection.js';

/** A method that returns a promise: it waits for the connection first. */
interface Waiting {
  readonly kind: 'waiting';
  /** The index of the argument with the options `timeout` and `signal`; -1 if there is none. */
  readonly options: number;
}

/** A method that returns an iterable: its first step waits for the connection. */
interface Listing extends Pick<Waiting, 'options'> {
  readonly kind: 'listing';
}

/** A method that needs no open connection, or waits for it by itself. */
interface Direct {
  readonly kind: 'direct';
}

/** @param options the index of the argument with the options `timeout` and `signal` */
export const waiting = (options = -1): Waiting => ({ kind: 'waiting', options });
/** @param options the index of the argument with the options `timeout` and `signal` */
export const listing = (options = -1): Listing => ({ kind: 'listing', options });
export const direct: Direct = { kind: 'direct' };

type MethodOf<T> = Extract<
  { [Name in keyof T]: T[Name] extends (...args: never[]) => unknown ? Name : never }[keyof T],
  string
>;

/** How each public method of a class behaves before its connection is open. */
export type CallTable<T> = Readonly<Record<MethodOf<T>, Waiting | Listing | Direct>>;

/** An object whose methods open its connection. */
export interface Deferred<T> {
  readonly facade: T;
  /** Replaces the object behind the facade, when the connection is opened. */
  readonly use: (object: T) => void;
}

type Method = (...args: unknown[]) => unknown;

/** The objects behind facades. */
const objects = new WeakMap<object, object>();

/**
 * Creates a facade for an object on a connection with `connect: 'lazy'`: its methods open the connection before they call
 * those of the object. Properties are those of the object, and so is the class. After the connection was opened, a method
 * costs one more function call.
 */
export function deferred<T extends object>(
  object: T,
  connection: JetStreamConnection,
  table: CallTable<T>,
): Deferred<T> {
  let current = object;
  const facade = Object.create(object) as T;
  const methodOf = (name: string): Method => {
    const method = (current as Readonly<Record<string, Method>>)[name];
    return (...args) => method.apply(current, args);
  };
  for (const [name, call] of Object.entries<Waiting | Listing | Direct>(table)) {
    if (call.kind === 'direct') continue;
    const later = call.kind === 'waiting' ? callLater : listLater;
    const value: Method = (...args) => {
      if (!connection.isReady) return later(connection, () => methodOf(name), args, call.options);
      return (current as Readonly<Record<string, Method>>)[name](...args);
    };
    Object.defineProperty(facade, name, { value, configurable: true, writable: true });
  }
  objects.set(facade, object);
  return {
    facade,
    use: (replacement) => {
      current = replacement;
      Object.setPrototypeOf(facade, replacement);
      objects.set(facade, replacement);
    },
  };
}

/** The object behind a facade; any other object itself. */
export function directOf<T extends object>(object: T): T {
  return (objects.get(object) as T | undefined) ?? object;
}

async function callLater(
  connection: JetStreamConnection,
  method: () => Method,
  args: readonly unknown[],
  options: number,
): Promise<unknown> {
  const left = await opened(connection, args, options);
  return method()(...left);
}

async function* listLater(
  connection: JetStreamConnection,
  method: () => Method,
  args: readonly unknown[],
  options: number,
): AsyncGenerator<unknown, void, undefined> {
  await opened(connection, args, options);
  yield* method()(...args) as AsyncIterable<unknown>;
}

/**
 * Opens the connection within the limits of a call. Options of a wrong type are left to the method, which rejects them.
 *
 * @returns the arguments of the call, with the time that is left for it
 */
async function opened(
  connection: JetStreamConnection,
  args: readonly unknown[],
  index: number,
): Promise<readonly unknown[]> {
  const options = args[index];
  const given = propertyOf(options, 'timeout');
  const timeout = typeof given === 'number' && given > 0 ? given : undefined;
  const signal = propertyOf(options, 'signal') as AbortSignal | undefined;
  const deadline = timeout === undefined ? undefined : new Deadline(timeout);
  await connection.opened({ timeout, signal });
  if (deadline === undefined || !isPlain(options)) return args;
  return args.with(index, { ...options, timeout: Math.max(1, Math.ceil(deadline.left)) });
}

/** Other objects may inherit options, which a copy would lose. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
