import type { PageOf } from '../model/index.js';

/**
 * One page of rows.
 *
 * @param next the value of `after` for the next page; `undefined` for the last one
 * @param total how many rows all pages have; `undefined` if that is unknown
 */
export function pageOfRows<Row>(rows: readonly Row[], next: number | undefined, total?: number): PageOf<Row> {
  return {
    rows,
    ...(next !== undefined && { next: String(next) }),
    ...(total !== undefined && { total }),
  };
}
