import { WatchIterator } from '../../jetstream/index.js';
import type { KeyValueEntry } from '../key-value-entry.js';

/**
 * The changes of keys as an async iterable. It continues after reconnects and server restarts, without gaps or repeats,
 * and ends with `stop`, `drain` or `break`, or with an error if it cannot continue. Changes that were replaced by later
 * ones while the connection was down are not delivered; more `history` keeps more of them.
 *
 * @example
 * ```ts
 * for await (const entry of await profiles.watch('sue.*')) {
 *   if (entry.operation === 'PUT') show(entry.key, entry.value);
 * }
 * ```
 */
export class KeyValueWatch<T> extends WatchIterator<KeyValueEntry<T>> {}
