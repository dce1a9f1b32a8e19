/** `T` without optional members: each has a value. */
export type Defined<T> = { readonly [Name in keyof T]-?: Exclude<T[Name], undefined> };

/** `T` as callers may pass it: a member without a value is omitted or is `undefined`. */
export type OrUndefined<T> = { readonly [Name in keyof T]: T[Name] | undefined };

/** `T` without the members that have no value. */
export type Given<T> = { readonly [Name in keyof T]: Exclude<T[Name], undefined> };

/**
 * The options that have a value. They can be spread over defaults, because an option that is `undefined` replaces none
 * of them.
 */
export function given<T extends object>(options: T): Given<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<T>;
}
