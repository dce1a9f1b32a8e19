import { BaseRpcContext } from '@nestjs/microservices';
import type { JetStreamEvent } from '../../consuming/index.js';

/** The `@Ctx()` of an `@OnJetStreamEvent` handler. */
export class EventContext extends BaseRpcContext<[JetStreamEvent]> {
  /** @internal */
  constructor(event: JetStreamEvent) {
    super([event]);
  }

  get event(): JetStreamEvent {
    return this.args[0];
  }
}
