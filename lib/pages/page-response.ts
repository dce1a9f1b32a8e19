import { createHash } from 'node:crypto';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { PageRequest } from './page-request.js';

/**
 * The page loads nothing from other hosts, runs only scripts that are files of its own, and is not shown in a frame. It
 * replaces a policy that a middleware such as helmet has set, and is stricter than helmet's.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PROTECTION: readonly (readonly [string, string])[] = [
  ['content-security-policy', CONTENT_SECURITY_POLICY],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-resource-policy', 'same-origin'],
];

/** The browser asks each time whether its copy is still valid. */
const REVALIDATE = 'private, no-cache';
/** The address contains the hash of the content. */
const FOREVER = 'private, max-age=31536000, immutable';
const NEVER = 'no-store';

/** What is sent in answer to a request. */
export interface PageContent {
  readonly type: string;
  readonly text: string;
  /** Identifies the content. Default: computed. */
  readonly hash?: string | undefined;
}

/** Sends responses on every HTTP platform of Nest, past the interceptors of the application, which may change results. */
@Injectable()
export class PageResponses {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  /** Sends content that browsers may keep; 304 if the browser has it already. */
  send(request: PageRequest, response: unknown, { type, text, hash }: PageContent): void {
    const known = hash ?? hashOf(text);
    const isVersioned = hash !== undefined && request.query('v') === hash;
    const etag = `"${known}"`;
    this.setHeaders(response, [
      ['cache-control', isVersioned ? FOREVER : REVALIDATE],
      ['etag', etag],
    ]);
    if (matches(request.header('if-none-match'), etag)) {
      this.host.httpAdapter.reply(response, undefined, 304);
      return;
    }
    this.setHeaders(response, [['content-type', type]]);
    this.host.httpAdapter.reply(response, text, 200);
  }

  /** Sends a value as JSON that is not kept. */
  json(
    response: unknown,
    value: unknown,
    status = 200,
    headers: readonly (readonly [string, string])[] = [],
  ): void {
    this.setHeaders(response, [
      ['cache-control', NEVER],
      ['content-type', 'application/json; charset=utf-8'],
      ...headers,
    ]);
    this.host.httpAdapter.reply(response, JSON.stringify(value), status);
  }

  /**
   * Sends the headers of content that follows in parts, and is not kept.
   *
   * @returns the response of Node, to write the content to
   */
  open(response: unknown, headers: readonly (readonly [string, string])[], status = 200): ServerResponse {
    this.setHeaders(response, [
      // Compression, also in proxies, would keep parts back.
      ['cache-control', `${NEVER}, no-transform`],
      ['x-accel-buffering', 'no'],
      ...headers,
    ]);
    const raw = nodeResponse(response);
    // A hijacked reply of Fastify sends nothing, so the headers that plugins have set are copied.
    const { getHeaders, hijack } = response as Partial<FastifyReply>;
    if (raw !== response && getHeaders !== undefined) {
      for (const [name, value] of Object.entries(getHeaders.call(response)))
        if (value !== undefined) raw.setHeader(name, value);
      hijack?.call(response);
    }
    // A client may have left already.
    raw.on('error', ignore);
    raw.writeHead(status);
    raw.flushHeaders();
    return raw;
  }

  private setHeaders(response: unknown, headers: readonly (readonly [string, string])[]): void {
    const { httpAdapter } = this.host;
    for (const [name, value] of [...PROTECTION, ...headers]) httpAdapter.setHeader(response, name, value);
  }
}

/** The members of Fastify's reply that are needed. */
interface FastifyReply {
  readonly raw: ServerResponse;
  getHeaders(): OutgoingHttpHeaders;
  hijack(): unknown;
}

/** The response of Node, which is that of Express, and inside of that of Fastify. */
export function nodeResponse(response: unknown): ServerResponse {
  return (response as Partial<FastifyReply>).raw ?? (response as ServerResponse);
}

function ignore(): void {
  // Its `close` event follows, which ends the work.
}

/** A short identification of a text, for addresses and `ETag`. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

function matches(given: string | undefined, etag: string): boolean {
  if (given === undefined) return false;
  // A proxy that compresses makes the tag a weak one.
  return given
    .split(',')
    .map((each) => each.trim().replace(/^W\//, ''))
    .some((each) => each === etag || each === '*');
}
