type Headers = readonly (readonly [name: string, values: readonly string[]])[];

/** Headers as lines of text that a person can edit: `name: value`, one for each value. */
export function linesOf(headers: Headers): string {
  return headers.flatMap(([name, values]) => values.map((value) => `${name}: ${value}`)).join('\n');
}

/**
 * The headers in lines of text.
 *
 * @throws Error that names the first line without a colon
 */
export function headersOf(lines: string): Headers {
  const headers = new Map<string, string[]>();
  for (const [index, line] of lines.split('\n').entries()) {
    if (line.trim() === '') continue;
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`Line ${index + 1} of the headers is not "name: value".`);
    const name = line.slice(0, colon).trim();
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  return [...headers];
}
