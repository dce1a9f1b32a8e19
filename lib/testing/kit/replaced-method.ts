export type Method = (this: unknown, ...args: unknown[]) => unknown;

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

  get isRestored(): boolean {
    return this.layers.length === 0;
  }

  /** Adds a function; the returned one removes it again, in any order. */
  add(layer: Method): () => void {
    this.layers.push(layer);
    this.define({ value: layer, configurable: true, writable: true, enumerable: false });
    return () => this.remove(layer);
  }

  /** The function that a layer replaces: the one below it, or the method itself. */
  below(layer: Method): Method {
    const place = this.layers.indexOf(layer);
    // A spy of the test runner may still call a function that was removed.
    return (place === -1 ? this.layers.at(-1) : this.layers[place - 1]) ?? this.original;
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
