import type { JetStreamMessage } from '../../jetstream/index.js';
import type { CompiledHandler } from '../results/index.js';
import type { SettlementPolicy } from '../settlement/index.js';

/** A handler that runs in this process. */
export interface LocalHandler {
  /** Calls the handler with its enhancers, but without settlement. */
  readonly unsettled: CompiledHandler<JetStreamMessage>;
  readonly policy: SettlementPolicy;
}

/** The handlers with consumers that run in this process, for one connection. */
export class LocalHandlers {
  private readonly finders = new Map<string, (subject: string) => LocalHandler>();

  /** @param find returns the handler that receives the consumer's messages of a subject */
  add({ stream, consumer }: SettlementPolicy, find: (subject: string) => LocalHandler): void {
    this.finders.set(`${stream}.${consumer}`, find);
  }

  find(stream: string, consumer: string, subject: string): LocalHandler | undefined {
    return this.finders.get(`${stream}.${consumer}`)?.(subject);
  }
}
