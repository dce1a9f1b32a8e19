import { JetStreamError } from './jetstream.error.js';

/**
 * A module that serves a page is imported by an application without an HTTP server.
 *
 * @remarks Create the application with `NestFactory.create` and an HTTP platform, or do not import the module.
 */
export class HttpPlatformMissingError extends JetStreamError {
  constructor(
    /** The module that serves the page. */
    readonly module: string,
    /** The path of the page. */
    readonly path: string,
  ) {
    super(
      `${module} serves the page "${path}" over HTTP, but the application has no HTTP server. Create the application with ` +
        'NestFactory.create and a platform, such as @nestjs/platform-express or @nestjs/platform-fastify, or do not import ' +
        `${module} in it.`,
    );
  }
}

/**
 * Two pages of an application have the same path. Only the first would be served, with its own guards.
 *
 * @remarks Give each page a `path` of its own, or import the module once.
 */
export class DuplicatePageError extends JetStreamError {
  constructor(
    /** The path of both pages. */
    readonly path: string,
    /** The modules that serve them. */
    readonly modules: readonly [string, string],
  ) {
    const [first, second] = modules;
    const who = first === second ? `${first} is imported twice with` : `${first} and ${second} have`;
    super(
      `${who} the path "${path}", so only one of these pages would be served. Give each page a path of its own with the option ` +
        'path, or import the module once.',
    );
  }
}

/**
 * A page would be served without any protection outside of development.
 *
 * @remarks Protect the page with the option `guards` or `access`, or set `public: true` if every caller may see it.
 */
export class UnprotectedPageError extends JetStreamError {
  constructor(
    /** The module that serves the page. */
    readonly module: string,
    /** The path of the page. */
    readonly path: string,
    /** The value of `NODE_ENV`; `undefined` if it is not set. */
    readonly environment?: string,
  ) {
    super(
      `${module} would serve the page "${path}" without protection, and NODE_ENV is ` +
        `${environment === undefined ? 'not set' : JSON.stringify(environment)}. Set the option guards or access, set public: true ` +
        'if every caller may see it, or set NODE_ENV to development.',
    );
  }
}
