/** A view and its parameters: the part of the address behind `#`. */
export interface Route {
  /** The first part is the view. */
  readonly path: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

const FIRST = 'handlers';

/** Reads the hash of an address. Every text is accepted, because users edit addresses. */
export function routeOf(hash: string): Route {
  const [path, query] = split(hash.replace(/^#\/?/, ''), '?');
  const parts = path.split('/').filter((part) => part !== '');
  return {
    path: parts.length === 0 ? [FIRST] : parts.map(decoded),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** The hash of a view. Empty parameters are left out. */
export function hashOf(
  path: readonly string[],
  query: Readonly<Record<string, string | undefined>> = {},
): string {
  const given = Object.entries(query).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
  );
  const parameters = new URLSearchParams(given).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${parameters === '' ? '' : `?${parameters}`}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function split(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}
