import { getEventListeners } from 'node:events';

/** The events of the process, and a signal that every call of the service gets: nothing may listen to them after the end. */
export class Listeners {
  private readonly controller = new AbortController();
  private readonly before = counted();
  private readonly warnings: string[] = [];

  constructor() {
    process.on('warning', this.warn);
  }

  /** The signal of all calls, which is never aborted. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The listeners that are left behind, and warnings about too many of them. */
  left(): string[] {
    process.off('warning', this.warn);
    const ofSignal = getEventListeners(this.signal, 'abort').length;
    const added = [...counted()].filter(([event, count]) => count > (this.before.get(event) ?? 0));
    return [
      ...this.warnings,
      ...(ofSignal > 0 ? [`${ofSignal} listeners of a signal are left`] : []),
      ...added.map(([event, count]) => `${count} listeners of "${String(event)}" are left on the process`),
    ];
  }

  private readonly warn = ({ name, message }: Error): void => {
    if (name === 'MaxListenersExceededWarning') this.warnings.push(message);
  };
}

function counted(): Map<string | symbol, number> {
  return new Map(process.eventNames().map((event) => [event, process.listenerCount(event)]));
}
