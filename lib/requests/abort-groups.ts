import { onAbort } from '../user-code/index.js';

interface Group {
  readonly callbacks: Set<(reason: unknown) => void>;
  readonly forget: () => void;
}

/**
 * Operations that end when a signal is aborted, with one listener for each signal: Node warns of a leak if one signal,
 * such as that of a shutdown, has more than ten listeners.
 */
export class AbortGroups {
  private readonly groups = new Map<AbortSignal, Group>();

  /**
   * Calls back with the reason when the signal is aborted; the returned function, which never throws, removes the
   * callback.
   *
   * @throws {@link InvalidArgumentError} if the signal cannot be listened to
   */
  add(signal: AbortSignal, act: (reason: unknown) => void): () => void {
    const { callbacks } = this.groups.get(signal) ?? this.open(signal);
    callbacks.add(act);
    return () => {
      callbacks.delete(act);
      if (callbacks.size === 0) this.close(signal);
    };
  }

  private open(signal: AbortSignal): Group {
    const callbacks: Group['callbacks'] = new Set();
    const forget = onAbort(signal, (reason) => {
      for (const act of callbacks) act(reason);
    });
    const group = { callbacks, forget };
    this.groups.set(signal, group);
    return group;
  }

  private close(signal: AbortSignal): void {
    this.groups.get(signal)?.forget();
    this.groups.delete(signal);
  }
}
