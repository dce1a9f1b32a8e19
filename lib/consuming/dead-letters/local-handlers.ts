import type { JetStreamMessage } from '../../jetstream/index.js';
import type { CompiledHandler } from '../results/index.js';
import type { SettlementPolicy } from '../settlement/index.js';

/** A handler that runs in this process. */
export interface LocalHandler {
  /** Calls the handler with its enhancers, but without settlement. */
  readonly unsettled: CompiledHandler<JetStreamMessage>;
  readonly policy: SettlementPolicy;
}

type Find = (subject: string) => LocalHandler;

/** The handlers with consumers that run in this process, for one connection. */
export class LocalHandlers {
  private readonly found = new Map<string, { readonly handler: string; readonly find: Find }>();

  /** @param find returns the handler that receives the consumer's messages of a subject */
  add({ stream, consumer, handler }: SettlementPolicy, find: Find): void {
    this.found.set(`${stream}.${consumer}`, { handler, find });
  }

  /** Removes a handler that does not run any more. */
  remove(handler: string): void {
    for (const [key, each] of this.found) if (each.handler === handler) this.found.delete(key);
  }

  find(stream: string, consumer: string, subject: string): LocalHandler | undefined {
    return this.found.get(`${stream}.${consumer}`)?.find(subject);
  }
}
