/** `T` without optional members: each has a value. */
export type Defined<T> = { readonly [Name in keyof T]-?: Exclude<T[Name], undefined> };

/** `T` as its writer may give it: a member without a value is left out or is `undefined`. */
export type OrUndefined<T> = { readonly [Name in keyof T]: T[Name] | undefined };

/** `T` whose members without a value are left out. */
export type Given<T> = { readonly [Name in keyof T]: Exclude<T[Name], undefined> };

/** The options that have a value: spread over defaults, an option that is `undefined` replaces none of them. */
export function given<T extends object>(options: T): Given<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<T>;
}
