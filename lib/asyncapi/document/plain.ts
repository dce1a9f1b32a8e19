/** An object without members that are `undefined`. */
export function given<T extends object>(members: { readonly [Key in keyof T]: T[Key] | undefined }): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}

/**
 * A copy of a value as JSON has it: dates become text, functions and `undefined` are omitted.
 *
 * @throws Error if the value has no JSON form, as a `bigint` or a cycle
 */
export function toJson(value: unknown): unknown {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? undefined : (JSON.parse(text) as unknown);
}
