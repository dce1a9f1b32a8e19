/** One page of a list: as many items as the server sends at once. */
export interface ListPage<Item> {
  readonly items: readonly Item[];
  /** The number of items of all pages. */
  readonly total: number;
  /** The offset of the next page; `undefined` for the last one. */
  readonly next: number | undefined;
}

/** The members that the pages of all lists have. */
export interface WireListPage {
  readonly total?: number;
  /** Names of items about which the servers of a cluster did not answer in time. */
  readonly missing?: readonly string[] | null;
}

/** The page that begins at an offset. */
export function listPage<Item>(
  offset: number,
  items: readonly Item[],
  { total = 0, missing }: WireListPage,
): ListPage<Item> {
  const length = items.length + (missing?.length ?? 0);
  const end = offset + length;
  return { items, total, next: length > 0 && end < total ? end : undefined };
}
