// The viewer expects a document as the parser of AsyncAPI returns it. The parser itself compiles code, which the page does
// not allow, so its part that the viewer needs is done here: references are resolved, and parts have their ids.

interface Fields {
  [name: string]: unknown;
}

const PARSED = 'x-parser-spec-parsed';
const VERSION = 'x-parser-api-version';
const UNIQUE_ID = 'x-parser-unique-object-id';
const MESSAGE_NAME = 'x-parser-message-name';
const SCHEMA_ID = 'x-parser-schema-id';
const CIRCULAR = 'x-parser-circular';

/** The maps of a document whose members have ids. */
const MAPS = ['servers', 'channels', 'operations'];
const COMPONENT_MAPS = ['messages', 'channels', 'operations'];

/** A document as the parser returns it. The given one is changed. */
export function parsedDocument(given: unknown): unknown {
  const root = fieldsOf(given);
  if (root === undefined) throw new Error('The document is not an object.');
  for (const name of MAPS) setIds(root[name], UNIQUE_ID);
  const components = fieldsOf(root.components) ?? {};
  for (const name of COMPONENT_MAPS) setIds(components[name], UNIQUE_ID);
  setIds(components.schemas, SCHEMA_ID);
  for (const [key, message] of entries(components.messages)) message[MESSAGE_NAME] ??= message.name ?? key;
  for (const [, channel] of entries(root.channels)) {
    for (const [key, message] of entries(channel.messages))
      if (!('$ref' in message)) message[UNIQUE_ID] = key;
  }
  resolve(root, root, new Set(), new Map());
  return Object.assign(root, { [PARSED]: true, [VERSION]: 3 });
}

/** The operations of a document, one a line, for a page without the viewer. */
export function outlineOf(given: unknown): string[] {
  const root = fieldsOf(given);
  return entries(root?.operations).map(([key, operation]) => {
    const channel = fieldsOf(operation.channel)?.$ref;
    const found = typeof channel === 'string' ? fieldsOf(target(root ?? {}, channel)) : undefined;
    return [operation.action, found?.address, `(${key})`]
      .filter((part) => typeof part === 'string')
      .join(' ');
  });
}

/**
 * Replaces references in place. Parts that are referred to several times stay one object; a part that contains itself is
 * cut there.
 */
function resolve(root: Fields, part: unknown, above: Set<unknown>, done: Map<unknown, unknown>): unknown {
  const fields = fieldsOf(part) ?? (Array.isArray(part) ? (part as unknown as Fields) : undefined);
  if (fields === undefined) return part;
  const reference = fields.$ref;
  if (typeof reference === 'string') {
    const found = target(root, reference);
    if (found === undefined) return { description: `${reference} cannot be found.` };
    if (above.has(found)) return { title: nameOf(reference), [CIRCULAR]: true };
    return resolve(root, found, above, done);
  }
  if (above.has(part)) return part;
  if (done.has(part)) return part;
  done.set(part, part);
  above.add(part);
  for (const [name, value] of Object.entries(fields)) fields[name] = resolve(root, value, above, done);
  above.delete(part);
  return part;
}

/** The part that a reference such as `#/components/messages/a~1b` leads to. */
function target(root: Fields, reference: string): unknown {
  if (!reference.startsWith('#/')) return undefined;
  let part: unknown = root;
  for (const token of reference.slice(2).split('/')) {
    const name = decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~');
    part = Object.hasOwn(fieldsOf(part) ?? {}, name) ? fieldsOf(part)?.[name] : undefined;
  }
  return part;
}

function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

function setIds(map: unknown, name: string): void {
  for (const [key, value] of entries(map)) value[name] = key;
}

function entries(map: unknown): [string, Fields][] {
  return Object.entries(fieldsOf(map) ?? {}).flatMap(([key, value]) => {
    const fields = fieldsOf(value);
    return fields === undefined ? [] : [[key, fields] as [string, Fields]];
  });
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}
