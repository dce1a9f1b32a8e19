import type { HttpAdapterHost } from '@nestjs/core';
import { DuplicatePageError } from '../errors/index.js';
import type { ServedPage } from './protection.js';

/** The pages of each application. An application has one host of its HTTP platform, in all of its modules. */
const applications = new WeakMap<object, Set<ServedPage>>();

/**
 * Reserves the path of a page in its application: of two pages with one path, only the first would be served, with its guards.
 * It may be called again for the same page, such as when the platform is known.
 *
 * @throws {@link DuplicatePageError} if another page has the path
 */
export function reservePath(page: ServedPage, host: Partial<HttpAdapterHost>): void {
  const pages = applications.get(host) ?? new Set();
  applications.set(host, pages);
  const route = routeOf(page, host);
  const other = [...pages].find((each) => each !== page && routeOf(each, host) === route);
  if (other !== undefined) throw new DuplicatePageError(page.path, [other.module, page.module]);
  pages.add(page);
}

/** The path as its platform compares it: a leading or trailing slash does not matter, nor does the case in Express. */
function routeOf({ path }: ServedPage, { httpAdapter }: Partial<HttpAdapterHost>): string {
  const route = path.replaceAll(/^\/|\/$/g, '');
  return httpAdapter?.getType() === 'express' ? route.toLowerCase() : route;
}
