export type Method = (this: unknown, ...args: unknown[]) => unknown;

/** A function that replaces a method. */
export interface Replacement {
  /** The function that it replaces: the one below it, or the method itself. */
  readonly below: () => Method;
  /** Removes it again, in any order. */
  readonly remove: () => void;
}

/** The functions that replace a method of an object. The last one is called; the others are below it, and the method itself. */
export class ReplacedMethod {
  private readonly layers: Method[] = [];
  private readonly own: PropertyDescriptor | undefined;

  constructor(
    private readonly target: object,
    private readonly method: string,
  ) {
    this.own = Object.getOwnPropertyDescriptor(target, method);
  }

  /** Whether the object calls the last function: a spy of the test runner may have replaced it. */
  get isOnTop(): boolean {
    const last = this.layers.at(-1);
    return last !== undefined && Object.getOwnPropertyDescriptor(this.target, this.method)?.value === last;
  }

  /** Adds a function. */
  add(act: Method): Replacement {
    const { layers } = this;
    const below = (): Method => {
      const place = layers.indexOf(layer);
      return (place === -1 ? layers.at(-1) : layers[place - 1]) ?? this.original;
    };
    const layer: Method = function (...args) {
      // A spy of the test runner may still call a function that was removed.
      return (layers.includes(layer) ? act : below()).apply(this, args);
    };
    layers.push(layer);
    this.define({ value: layer, configurable: true, writable: true, enumerable: false });
    return { below, remove: () => this.remove(layer) };
  }

  private remove(layer: Method): void {
    const place = this.layers.indexOf(layer);
    if (place === -1) return;
    this.layers.splice(place, 1);
    // A spy of the test runner replaced it in the meantime, and stays.
    if (Object.getOwnPropertyDescriptor(this.target, this.method)?.value !== layer) return;
    const value = this.layers.at(-1);
    if (value !== undefined) this.define({ value, configurable: true, writable: true, enumerable: false });
    else if (this.own === undefined) Reflect.deleteProperty(this.target, this.method);
    else this.define(this.own);
  }

  private define(descriptor: PropertyDescriptor): void {
    // The calls of a handler read the method of its instance each time.
    Object.defineProperty(this.target, this.method, descriptor);
  }

  private get original(): Method {
    const { own, target, method } = this;
    const holder = own === undefined ? (Object.getPrototypeOf(target) as object) : undefined;
    const value: unknown =
      holder === undefined ? (own?.get?.call(target) ?? own?.value) : Reflect.get(holder, method, target);
    return value as Method;
  }
}
