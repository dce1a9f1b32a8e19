import type { JetStreamMessage } from '../../jetstream/index.js';
import type { CompiledHandler } from '../results/index.js';
import type { SettlementPolicy } from '../settlement/index.js';

/** A handler that runs in this process. */
export interface LocalHandler {
  /** Calls it with all that stands around it but its settlement. */
  readonly unsettled: CompiledHandler<JetStreamMessage>;
  readonly policy: SettlementPolicy;
}

/** The handlers of one connection's consumers that run in this process. */
export class LocalHandlers {
  private readonly finders = new Map<string, (subject: string) => LocalHandler>();

  /** @param find tells which handler a consumer's messages of a subject go to */
  add({ stream, consumer }: SettlementPolicy, find: (subject: string) => LocalHandler): void {
    this.finders.set(`${stream}.${consumer}`, find);
  }

  find(stream: string, consumer: string, subject: string): LocalHandler | undefined {
    return this.finders.get(`${stream}.${consumer}`)?.(subject);
  }
}
