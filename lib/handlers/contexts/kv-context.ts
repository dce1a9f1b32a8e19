import { BaseRpcContext } from '@nestjs/microservices';
import type { KeyValueEntry, KeyValueOperation } from '../../key-value/index.js';

/** The `@Ctx()` of a `@KvWatch` handler. */
export class KvContext extends BaseRpcContext<[KeyValueEntry<unknown>]> {
  /** @internal */
  constructor(entry: KeyValueEntry<unknown>) {
    super([entry]);
  }

  /** The entry: the change of one key. */
  get entry(): KeyValueEntry<unknown> {
    return this.args[0];
  }

  get bucket(): string {
    return this.entry.bucket;
  }

  get key(): string {
    return this.entry.key;
  }

  /** The operation: `PUT`, `DEL` or `PURGE`. */
  get operation(): KeyValueOperation {
    return this.entry.operation;
  }

  /** The sequence of the change in the bucket. */
  get revision(): number {
    return this.entry.revision;
  }

  /** When the server stored the change. */
  get created(): Date {
    return this.entry.created;
  }

  /** Whether the entry was already in the bucket when the watch began. */
  get initial(): boolean {
    return this.entry.initial;
  }
}
