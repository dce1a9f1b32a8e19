import { propertyOf } from '../reporting/index.js';

/** Reads the requests of every HTTP platform of Nest. Nothing in them is trusted. */
export class PageRequest {
  constructor(
    /** The request of the platform. */
    readonly raw: unknown,
  ) {}

  /** The value of a header; `undefined` if it is missing, or was sent several times. */
  header(name: string): string | undefined {
    const headers = propertyOf(this.raw, 'headers');
    const value = ownProperty(headers, name);
    return typeof value === 'string' ? value : undefined;
  }

  /** A parameter in the path of the route; `undefined` if there is none. */
  param(name: string): string | undefined {
    const value = ownProperty(propertyOf(this.raw, 'params'), name);
    return typeof value === 'string' ? value : undefined;
  }

  /** A parameter of the query; `undefined` if it is missing, or was sent several times. */
  query(name: string): string | undefined {
    const value = ownProperty(propertyOf(this.raw, 'query'), name);
    return typeof value === 'string' ? value : undefined;
  }

  /** The parameters of the query; `undefined` if one of them is not a single text. */
  get queries(): Readonly<Record<string, string>> | undefined {
    const given = propertyOf(this.raw, 'query');
    // Without a prototype, so that a name such as `constructor` finds nothing.
    const queries = Object.create(null) as Record<string, string>;
    if (typeof given !== 'object' || given === null) return queries;
    for (const name of Object.keys(given)) {
      const value = propertyOf(given, name);
      if (typeof value !== 'string') return undefined;
      queries[name] = value;
    }
    return queries;
  }

  /** The method in upper case. */
  get method(): string {
    const method = propertyOf(this.raw, 'method');
    return typeof method === 'string' ? method.toUpperCase() : '';
  }

  /** The path without the query, as the caller sent it. */
  get path(): string {
    const url = propertyOf(this.raw, 'originalUrl') ?? propertyOf(this.raw, 'url');
    return typeof url === 'string' ? url.split('?', 1)[0] : '';
  }

  /**
   * The address of the page's files, relative to the address with which the browser has requested the page. A proxy may
   * add or remove the beginning of the path, so it is not absolute.
   */
  get base(): string {
    const { path } = this;
    return path.endsWith('/') ? './' : `./${path.slice(path.lastIndexOf('/') + 1)}/`;
  }

  /** The parsed body. */
  get body(): unknown {
    return propertyOf(this.raw, 'body');
  }
}

/** A property that is not inherited, such as `constructor` is. */
export function ownProperty(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, name) ? propertyOf(value, name) : undefined;
}
