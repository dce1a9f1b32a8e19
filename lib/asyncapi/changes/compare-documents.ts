import { isDeepStrictEqual } from 'node:util';
import { namesOfReference } from '../schemas/index.js';
import type { AsyncApiChange, Report } from './change.interface.js';
import { compareSchemas, type Direction } from './compare-schemas.js';

/** A part of a document whose members are not known: it may have been written by another version. */
type Part = Readonly<Record<string, unknown>>;

/** The members of each kind of part that are compared on their own. */
const CHANNEL = ['address', 'messages'];
const OPERATION = ['action', 'channel', 'messages', 'reply'];
const MESSAGE = ['contentType', 'payload', 'headers'];

/**
 * Compares two documents of an application: which differences break applications that use the older one, and which do
 * not. Empty if the documents are the same, regardless of the order of members.
 *
 * @param before the older document, such as the content of a file; a document that cannot be read counts as empty
 * @param after the newer document
 */
export function compareAsyncApiDocuments(before: unknown, after: unknown): readonly AsyncApiChange[] {
  const changes: AsyncApiChange[] = [];
  const report: Report = (kind, path, text) => changes.push({ kind, path, text });
  const [older, newer] = [partOf(before), partOf(after)];
  const directions = directionsOf(older, newer);
  eachPair(older, newer, 'channels', report, (path, a, b) => {
    differ('address', path, a, b, report);
    removed(path, 'messages', a, b, report);
    others(path, a, b, CHANNEL, report);
  });
  eachPair(older, newer, 'operations', report, (path, a, b) => compareOperations(path, a, b, report));
  const [olderParts, newerParts] = [partOf(older.components), partOf(newer.components)];
  eachPair(olderParts, newerParts, 'messages', report, (path, a, b, key) => {
    differ('contentType', path, a, b, report);
    const direction = directions.get(key) ?? { receive: true, send: false };
    for (const part of ['payload', 'headers']) {
      const places = { before: { schema: a[part], root: older }, after: { schema: b[part], root: newer } };
      compareSchemas(places, direction, `${path}.${part}`, report);
    }
    others(path, a, b, MESSAGE, report);
  });
  eachPair(older, newer, 'servers', report, (path, a, b) => others(path, a, b, [], report));
  others('', older, newer, ['channels', 'operations', 'components', 'servers'], report);
  return changes.length > 0 || isDeepStrictEqual(older, newer) ? changes : [ELSEWHERE];
}

/** For example, an unused schema was renamed. */
const ELSEWHERE: AsyncApiChange = {
  kind: 'compatible',
  path: 'components',
  text: 'the schemas are arranged differently',
};

function compareOperations(path: string, a: Part, b: Part, report: Report): void {
  differ('action', path, a, b, report);
  const [channel, other] = [referenceOf(a.channel), referenceOf(b.channel)];
  if (channel !== other) report('breaking', `${path}.channel`, `changed from ${channel} to ${other}`);
  const kept = new Set(referencesIn(b.messages));
  for (const each of referencesIn(a.messages)) {
    if (!kept.has(each)) report('breaking', `${path}.messages`, `the message ${each} was removed`);
  }
  const known = new Set(referencesIn(a.messages));
  for (const each of kept) {
    if (!known.has(each)) report('compatible', `${path}.messages`, `the message ${each} was added`);
  }
  if (a.reply !== undefined && b.reply === undefined) report('breaking', `${path}.reply`, 'was removed');
  else if (!isDeepStrictEqual(a.reply, b.reply)) report('compatible', `${path}.reply`, 'was changed');
  others(path, a, b, OPERATION, report);
}

/** Compares the members of a map that both documents have, and reports those that only one of them has. */
function eachPair(
  older: Part,
  newer: Part,
  map: string,
  report: Report,
  compare: (path: string, a: Part, b: Part, key: string) => void,
): void {
  const [before, after] = [partOf(older[map]), partOf(newer[map])];
  for (const key of [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted()) {
    const path = `${map}.${key}`;
    if (!Object.hasOwn(after, key)) report('breaking', path, 'was removed');
    else if (!Object.hasOwn(before, key)) report('compatible', path, 'was added');
    else compare(path, partOf(before[key]), partOf(after[key]), key);
  }
}

/** A member on which other applications rely. */
function differ(member: string, path: string, a: Part, b: Part, report: Report): void {
  if (isDeepStrictEqual(a[member], b[member])) return;
  report('breaking', `${path}.${member}`, `changed from ${shown(a[member])} to ${shown(b[member])}`);
}

function removed(path: string, map: string, a: Part, b: Part, report: Report): void {
  const [before, after] = [partOf(a[map]), partOf(b[map])];
  for (const key of Object.keys(before)) {
    if (!Object.hasOwn(after, key)) report('breaking', `${path}.${map}.${key}`, 'was removed');
  }
  for (const key of Object.keys(after)) {
    if (!Object.hasOwn(before, key)) report('compatible', `${path}.${map}.${key}`, 'was added');
  }
}

/** Members that only describe or configure. */
function others(path: string, a: Part, b: Part, compared: readonly string[], report: Report): void {
  for (const member of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (compared.includes(member)) continue;
    leaves(path === '' ? member : `${path}.${member}`, a[member], b[member], report);
  }
}

function leaves(path: string, a: unknown, b: unknown, report: Report): void {
  if (isDeepStrictEqual(a, b)) return;
  if (!isPart(a) || !isPart(b)) {
    const text =
      a === undefined
        ? `was added: ${shown(b)}`
        : b === undefined
          ? 'was removed'
          : `changed from ${shown(a)} to ${shown(b)}`;
    return report('compatible', path, text);
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    leaves(`${path}.${key}`, a[key], b[key], report);
  }
}

/** Whether the application receives or sends each message, in either document. */
function directionsOf(...documents: readonly Part[]): ReadonlyMap<string, Direction> {
  const directions = new Map<string, Direction>();
  const note = (references: readonly string[], action: keyof Direction): void => {
    for (const reference of references) {
      const key = namesOfReference(reference).at(-1) ?? '';
      const known = directions.get(key) ?? { receive: false, send: false };
      directions.set(key, { ...known, [action]: true });
    }
  };
  for (const operation of documents.flatMap(({ operations }) => Object.values(partOf(operations)))) {
    const { action, messages, reply } = partOf(operation);
    note(referencesIn(messages), action === 'send' ? 'send' : 'receive');
    // An answer has the other direction.
    note(referencesIn(partOf(reply).messages), action === 'send' ? 'receive' : 'send');
  }
  return directions;
}

function referencesIn(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.map(referenceOf) : [];
}

function referenceOf(value: unknown): string {
  const { $ref } = partOf(value);
  return typeof $ref === 'string' ? $ref : '';
}

function partOf(value: unknown): Part {
  return isPart(value) ? value : {};
}

function isPart(value: unknown): value is Part {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? 'nothing' : text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
