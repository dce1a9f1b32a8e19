import type { HttpAdapterHost } from '@nestjs/core';
import { HttpPlatformMissingError, UnprotectedPageError } from '../errors/index.js';

/** The values of `NODE_ENV` with which a page needs no protection. */
const UNPROTECTED: readonly (string | undefined)[] = ['development', 'test'];

/** A page, and what protects it. */
export interface ServedPage {
  /** The module that serves it. */
  readonly module: string;
  readonly path: string;
  readonly guards?: readonly unknown[] | undefined;
  readonly access?: unknown;
  readonly public?: boolean | undefined;
}

/**
 * Checks at boot that a page can be served, and that it is protected outside of development.
 *
 * @throws {@link HttpPlatformMissingError}, {@link UnprotectedPageError}
 */
export function requireServable(page: ServedPage, host: Partial<HttpAdapterHost>): void {
  const { module, path, guards = [], access } = page;
  if (host.httpAdapter === undefined || host.httpAdapter === null)
    throw new HttpPlatformMissingError(module, path);
  if (guards.length > 0 || access !== undefined || page.public === true) return;
  const { NODE_ENV } = process.env;
  if (!UNPROTECTED.includes(NODE_ENV)) throw new UnprotectedPageError(module, path, NODE_ENV);
}
