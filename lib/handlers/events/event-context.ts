import { BaseRpcContext } from '@nestjs/microservices';
import type { JetStreamEvent } from '../../consuming/index.js';

/** What `@Ctx()` gives a handler of `@OnJetStreamEvent`. */
export class EventContext extends BaseRpcContext<[JetStreamEvent]> {
  /** @internal */
  constructor(event: JetStreamEvent) {
    super([event]);
  }

  get event(): JetStreamEvent {
    return this.args[0];
  }
}
