interface Group {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

/**
 * What is given up when a signal aborts, with one listener a signal: Node warns of a leak where one signal, such as that
 * of a shutdown, has more than ten.
 */
export class AbortGroups {
  private readonly groups = new Map<AbortSignal, Group>();

  /** Calls back when the signal aborts; the returned function calls that off. */
  add(signal: AbortSignal, onAbort: () => void): () => void {
    const { callbacks } = this.groups.get(signal) ?? this.open(signal);
    callbacks.add(onAbort);
    return () => {
      callbacks.delete(onAbort);
      if (callbacks.size === 0) this.close(signal);
    };
  }

  private open(signal: AbortSignal): Group {
    const callbacks = new Set<() => void>();
    const group = {
      callbacks,
      listener: () => {
        for (const onAbort of callbacks) onAbort();
      },
    };
    signal.addEventListener('abort', group.listener, { once: true });
    this.groups.set(signal, group);
    return group;
  }

  private close(signal: AbortSignal): void {
    const group = this.groups.get(signal);
    if (!group) return;
    signal.removeEventListener('abort', group.listener);
    this.groups.delete(signal);
  }
}
