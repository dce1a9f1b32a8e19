import 'reflect-metadata';

/** A method of a class. */
export type Method = (...args: unknown[]) => unknown;

/** A method with decorators of this library. */
export interface DeclaredMethod {
  readonly name: string;
  /** The function that carries the metadata of all decorators of the method. */
  readonly callback: Method;
}

/** The methods of a class by name, each with every function that a decorator found in its place. */
type Declarations = Map<string, Set<Method>>;

const DECLARED = 'nestjs-nats-jetstream:declared-methods';

/**
 * Registers on the class that one of its methods has a decorator of this library. The method is then found even if
 * another decorator replaces it later or a test spies on it.
 *
 * @returns the function that the decorator's metadata belongs on; `undefined` if there is no method
 */
export function declareMethod(
  prototype: object,
  name: string,
  descriptor: PropertyDescriptor,
): Method | undefined {
  // While decorators are applied, the class still has the original method.
  const written: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
  const functions = [written, descriptor.value as unknown].filter((each) => typeof each === 'function');
  const declarations = (Reflect.getOwnMetadata(DECLARED, prototype) ?? new Map()) as Declarations;
  const known = declarations.get(name) ?? new Set();
  for (const each of functions) known.add(each as Method);
  declarations.set(name, known);
  if (!Reflect.hasOwnMetadata(DECLARED, prototype)) classes.push(new WeakRef(prototype));
  Reflect.defineMetadata(DECLARED, declarations, prototype);
  return functions.at(-1) as Method | undefined;
}

/** The classes that have registered methods. */
let classes: WeakRef<object>[] = [];

/**
 * Copies the metadata of decorated methods to the functions that replaced them. Must be called before Nest scans the
 * classes of an application, because Nest then creates the guards, interceptors, pipes and filters that it finds on the
 * methods.
 */
export function uniteMetadata(): void {
  classes = classes.filter((reference) => reference.deref() !== undefined);
  for (const reference of classes) {
    const prototype = reference.deref();
    if (!prototype) continue;
    for (const [name, functions] of Reflect.getOwnMetadata(DECLARED, prototype) as Declarations) {
      const present: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
      if (typeof present !== 'function') continue;
      for (const each of functions) if (each !== present) inheritMetadata(present as Method, each);
    }
  }
}

/** The methods of a class that have decorators of this library, including inherited methods that are not overridden. */
export function declaredMethods(type: { readonly prototype: object }): readonly DeclaredMethod[] {
  const methods: DeclaredMethod[] = [];
  const nearer = new Set<string>();
  for (const prototype of chainOf(type.prototype)) {
    const declarations = Reflect.getOwnMetadata(DECLARED, prototype) as Declarations | undefined;
    for (const [name, functions] of declarations ?? []) {
      const callback = nearer.has(name) ? undefined : effectiveMethod(prototype, name, [...functions]);
      if (callback) methods.push({ name, callback });
    }
    for (const name of Object.getOwnPropertyNames(prototype)) {
      // A spy on an inherited method is not a method of the subclass.
      const own: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
      if (!isSpy(own)) nearer.add(name);
    }
  }
  return methods;
}

function* chainOf(prototype: object): Generator<object> {
  for (let each: unknown = prototype; typeof each === 'object' && each !== null;) {
    yield each;
    each = Object.getPrototypeOf(each) as unknown;
  }
}

/**
 * The function of a method with the metadata of all its decorators. A decorator that replaces the method may have
 * separated it from metadata that other decorators set: guards, interceptors, handlers.
 */
function effectiveMethod(prototype: object, name: string, declared: readonly Method[]): Method | undefined {
  const present: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
  const isMethod = typeof present === 'function' && !isSpy(present);
  const effective = isMethod ? (present as Method) : declared.at(-1);
  if (effective) for (const each of declared) if (each !== effective) inheritMetadata(effective, each);
  return effective;
}

/** Adds the metadata of one function to that of another. */
function inheritMetadata(to: Method, from: Method): void {
  for (const key of Reflect.getOwnMetadataKeys(from) as unknown[]) {
    const value: unknown = Reflect.getOwnMetadata(key, from);
    const own: unknown = Reflect.getOwnMetadata(key, to);
    if (own === undefined) Reflect.defineMetadata(key, value, to);
    else if (Array.isArray(own) && Array.isArray(value)) {
      // Lists, such as those of guards, start with the entries of the innermost decorator.
      const others = own.filter((each) => !value.includes(each));
      Reflect.defineMetadata(key, [...(value as unknown[]), ...(others as unknown[])], to);
    }
  }
}

/** Whether a test replaced a method by this function, with Jest, Vitest, `node:test` or Sinon. */
function isSpy(value: unknown): boolean {
  return typeof value === 'function' && ('mock' in value || 'isSinonProxy' in value);
}
