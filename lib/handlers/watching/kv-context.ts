import { BaseRpcContext } from '@nestjs/microservices';
import type { KeyValueEntry, KeyValueOperation } from '../../key-value/index.js';

/** What `@Ctx()` gives a handler of `@KvWatch`. */
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

  /** What was done: `PUT`, `DEL` or `PURGE`. */
  get operation(): KeyValueOperation {
    return this.entry.operation;
  }

  /** The sequence of the change in the bucket. */
  get revision(): number {
    return this.entry.revision;
  }

  /** When the server stored it. */
  get created(): Date {
    return this.entry.created;
  }

  /** Whether the bucket held it when the watch began. */
  get initial(): boolean {
    return this.entry.initial;
  }
}
