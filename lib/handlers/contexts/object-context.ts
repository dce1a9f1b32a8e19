import { BaseRpcContext } from '@nestjs/microservices';
import type { ObjectWatchEntry } from '../../object-store/index.js';

/** The `@Ctx()` of an `@ObjectWatch` handler. */
export class ObjectContext extends BaseRpcContext<[ObjectWatchEntry]> {
  /** @internal */
  constructor(info: ObjectWatchEntry) {
    super([info]);
  }

  /** The description of the object. */
  get info(): ObjectWatchEntry {
    return this.args[0];
  }

  get bucket(): string {
    return this.info.bucket;
  }

  get name(): string {
    return this.info.name;
  }

  /** Whether the object was deleted. */
  get deleted(): boolean {
    return this.info.deleted;
  }

  /** The description's sequence in the bucket. */
  get revision(): number {
    return this.info.revision;
  }

  /** Whether the object was already in the bucket when the watch began. */
  get initial(): boolean {
    return this.info.initial;
  }
}
