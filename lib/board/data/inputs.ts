import { count, filledText, numberFromPeer, resourceName, rule } from '../../validation/index.js';

/** The parameters that several views and actions have. */
export const CONNECTION = { connection: filledText };

/** The text of a whole number within bounds; larger numbers are refused, not cut to the bound. */
function isWhole(value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): boolean {
  return (numberFromPeer(value, { least, most: Infinity }) ?? Infinity) <= most;
}

const MOST_ROWS = 200;
const DEFAULT_ROWS = 50;

/** A sequence or revision, as decimal text. */
export const sequenceText = rule('a whole number, 1 or more', (value) => isWhole(value, 1));

/** A sequence or revision, as a number. */
export const sequenceNumber = count();

/** A time as the page shows it. */
export const timeText = rule(
  'a time according to ISO 8601, such as "2026-01-31T12:00:00.000Z"',
  (value) =>
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(value) &&
    !Number.isNaN(Date.parse(value)),
);

const rowsText = rule(`a whole number from 1 to ${MOST_ROWS}`, (value) => isWhole(value, 1, MOST_ROWS));

const positionText = rule('the value "next" of the page before: a whole number', (value) =>
  isWhole(value, 0),
);

/** The parameters of a view in pages whose position is a number. */
export const PAGED = { ...CONNECTION, after: positionText, limit: rowsText };

/** A page of a list. */
export interface PageRange {
  /** The position at which the page begins; `undefined` for the first page. */
  readonly after: number | undefined;
  /** The maximum number of rows. */
  readonly limit: number;
}

/** The page that checked parameters select. */
export function pageOf({ after, limit }: { after?: string; limit?: string }): PageRange {
  return {
    after: after === undefined ? undefined : Number(after),
    limit: limit === undefined ? DEFAULT_ROWS : Number(limit),
  };
}

/** The longest name of a stream, in characters; longer ones would fill errors. */
const LONGEST_NAME = 255;

/** The name of a stream, consumer or bucket. */
export const nameText = rule(
  `a name of up to ${LONGEST_NAME} characters without spaces, ".", "*", ">", "/" and "\\"`,
  (value) =>
    typeof value === 'string' && value.length <= LONGEST_NAME && resourceName(value, '').length === 0,
);

/** A text that is searched. */
export const searchText = rule(
  `a text of 1 to ${LONGEST_NAME} characters`,
  (value) => typeof value === 'string' && value !== '' && value.length <= LONGEST_NAME,
);
