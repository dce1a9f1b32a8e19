import { isDeepStrictEqual } from 'node:util';
import { partAt } from '../schemas/index.js';
import { alternativesOf, asAlternatives, pairsOf } from './alternatives.js';
import type { Report } from './change.interface.js';
import { type Difference, keywordDifferences, textDifferences } from './keyword-differences.js';

/** Whether an application receives a message, sends it, or both. */
export interface Direction {
  readonly receive: boolean;
  readonly send: boolean;
}

/** A schema, and the document that its references lead to. */
interface Place {
  readonly schema: unknown;
  readonly root: unknown;
}

/** The same part of two documents. */
export interface Places {
  readonly before: Place;
  readonly after: Place;
}

type Schema = Readonly<Record<string, unknown>>;

/**
 * Compares two schemas. A receiver that accepts less breaks its senders, and a sender that sends more breaks its
 * receivers.
 */
export function compareSchemas(places: Places, direction: Direction, path: string, report: Report): void {
  new Comparison(direction, report).compare(places, path);
}

class Comparison {
  /** The pairs of references that were compared, because schemas may refer to themselves. */
  private readonly compared = new Set<string>();

  constructor(
    private readonly direction: Direction,
    private readonly report: Report,
  ) {}

  compare({ before, after }: Places, path: string): void {
    const [from, to] = [referenceOf(before.schema), referenceOf(after.schema)];
    if (from !== undefined || to !== undefined) {
      const pair = `${from} ${to} ${from === undefined || to === undefined ? path : ''}`;
      if (this.compared.has(pair)) return;
      this.compared.add(pair);
    }
    const [a, b] = [resolved(before), resolved(after)];
    if (this.union(a, b, { before, after }, path)) return;
    for (const each of keywordDifferences(a, b)) this.tell(each, path);
    this.properties(a, b, { before, after }, path);
    this.pair('items', a, b, { before, after }, `${path}[]`);
    this.pair('additionalProperties', a, b, { before, after }, `${path}.*`);
    this.options('anyOf', a, b, { before, after }, path);
    this.options('oneOf', a, b, { before, after }, path);
    this.options('allOf', a, b, { before, after }, path);
  }

  private properties(a: Schema, b: Schema, places: Places, path: string): void {
    const [older, newer] = [objectOf(a.properties), objectOf(b.properties)];
    for (const name of new Set([...Object.keys(older), ...Object.keys(newer)])) {
      const place = `${path}.${name}`;
      if (!Object.hasOwn(newer, name)) {
        // Receivers may need it; senders may only keep sending it if the receiver accepts unknown properties.
        const breaks = this.direction.send || b.additionalProperties === false;
        this.report(breaks ? 'breaking' : 'compatible', place, 'was removed');
      } else if (!Object.hasOwn(older, name)) this.report('compatible', place, 'was added');
      else this.compare(within(places, older[name], newer[name]), place);
    }
  }

  private pair(keyword: string, a: Schema, b: Schema, places: Places, path: string): void {
    const [older, newer] = [a[keyword], b[keyword]];
    // The keyword differences report lists of schemas.
    if (Array.isArray(older) && Array.isArray(newer)) return;
    if (isSchema(older) && isSchema(newer)) return this.compare(within(places, older, newer), path);
    if (isDeepStrictEqual(older, newer)) return;
    const isOpen = (value: unknown): boolean =>
      value === undefined || value === true || isDeepStrictEqual(value, {});
    if (isOpen(older) && isOpen(newer)) return;
    const kind = isOpen(older) ? 'narrower' : isOpen(newer) ? 'wider' : 'different';
    this.tell({ kind, text: `${keyword} changed` }, path);
  }

  /**
   * Compares two schemas of which one is a union. The other may be one of its alternatives: an object that may be `null`
   * now. Returns whether it did.
   */
  private union(a: Schema, b: Schema, places: Places, path: string): boolean {
    const [from, to] = [alternativesOf(a), alternativesOf(b)];
    if (from === undefined && to === undefined) return false;
    const older = from ?? asAlternatives(places.before.schema, a);
    const newer = to ?? asAlternatives(places.after.schema, b);
    if (older === undefined || newer === undefined) return false;
    const keyword = 'oneOf' in a || 'oneOf' in b ? 'oneOf' : 'anyOf';
    const areBoth = from !== undefined && to !== undefined;
    if (areBoth) for (const each of textDifferences(a, b)) this.tell(each, path);
    this.pairs(keyword, older, newer, places, path, areBoth ? `${path}(${keyword})` : path);
    return true;
  }

  /** The alternatives, or parts, of a schema that also has other keywords. */
  private options(keyword: string, a: Schema, b: Schema, places: Places, path: string): void {
    this.pairs(keyword, listOf(a[keyword]), listOf(b[keyword]), places, path, `${path}(${keyword})`);
  }

  private pairs(
    keyword: string,
    older: readonly unknown[],
    newer: readonly unknown[],
    { before, after }: Places,
    path: string,
    inside: string,
  ): void {
    const { pairs, removed, added } = pairsOf(
      older,
      newer,
      (schema) => resolved({ ...before, schema }),
      (schema) => resolved({ ...after, schema }),
    );
    // Equal references may lead to definitions that differ.
    for (const [from, to] of pairs) this.compare(within({ before, after }, from, to), inside);
    if (removed.length > 0) {
      const kind = keyword === 'allOf' || newer.length === 0 ? 'wider' : 'narrower';
      this.tell({ kind, text: `an alternative of ${keyword} was removed` }, path);
    }
    if (added.length > 0) {
      const kind = keyword === 'allOf' || older.length === 0 ? 'narrower' : 'wider';
      this.tell({ kind, text: `an alternative of ${keyword} was added` }, path);
    }
  }

  private tell({ kind, text }: Difference, path: string): void {
    const { receive, send } = this.direction;
    const breaks = kind === 'different' || (kind === 'narrower' && receive) || (kind === 'wider' && send);
    this.report(breaks ? 'breaking' : 'compatible', path, text);
  }
}

function within({ before, after }: Places, older: unknown, newer: unknown): Places {
  return { before: { ...before, schema: older }, after: { ...after, schema: newer } };
}

/** A schema without references; booleans as objects. */
function resolved({ schema, root }: Place): Schema {
  let current: unknown = schema;
  for (let depth = 0; depth < 100; depth++) {
    const reference = referenceOf(current);
    if (reference === undefined) break;
    current = partAt(root, reference);
  }
  if (current === false) return { not: {} };
  return objectOf(current);
}

function referenceOf(schema: unknown): string | undefined {
  const { $ref } = objectOf(schema);
  return typeof $ref === 'string' && $ref.startsWith('#/') ? $ref : undefined;
}

function isSchema(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objectOf(value: unknown): Schema {
  return isSchema(value) ? (value as Schema) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
