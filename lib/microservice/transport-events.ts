import { Logger } from '@nestjs/common';
import { callUser } from '../jetstream/index.js';

type Listener = (...args: never[]) => unknown;

/** The listeners that `on` of a client or server adds: one that throws, or whose promise rejects, is logged and affects no other. */
export class TransportEvents {
  private readonly logger: Logger;
  private readonly listeners = new Map<string, Listener[]>();

  constructor(context: string) {
    this.logger = new Logger(context);
  }

  on(event: string, listener: Listener): void {
    const known = this.listeners.get(event);
    if (known) known.push(listener);
    else this.listeners.set(event, [listener]);
  }

  emit(event: string, ...args: readonly unknown[]): void {
    for (const listener of this.listeners.get(event) ?? []) {
      callUser(this.logger, `A listener of "${event}"`, () => listener(...(args as never[])));
    }
  }
}
