/**
 * The names that a reference to a part of the same document consists of: `orders/placed` and `payload` for
 * `#/orders~1placed/payload`. Each is part of a JSON pointer (RFC 6901) in a URI, so `%` is decoded before `~`.
 */
export function namesOfReference(reference: string): readonly string[] {
  return reference.split('/').slice(1).map(decoded);
}

/** The part of a document that a reference leads to; `undefined` if there is none. */
export function partAt(root: unknown, reference: string): unknown {
  return namesOfReference(reference).reduce<unknown>(
    (part, name) =>
      typeof part === 'object' && part !== null && Object.hasOwn(part, name)
        ? (part as Readonly<Record<string, unknown>>)[name]
        : undefined,
    root,
  );
}

function decoded(name: string): string {
  return percentDecoded(name).replaceAll('~1', '/').replaceAll('~0', '~');
}

/** The text itself if it is not encoded correctly, because libraries also write names as they are. */
function percentDecoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
