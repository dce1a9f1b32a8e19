import type {
  BoardActionName,
  BoardActions,
  BoardDownloads,
  BoardViewName,
  BoardViews,
} from '../../../lib/board/model/index.js';
import { BoardError, errorOf, notJson, unreachable } from './board-error.js';

/** Parameters of which some may be missing. */
export type Given<Parameters> = { readonly [Name in keyof Parameters]: Parameters[Name] | undefined };

/** Where the routes of the board begin, relative to the address of the page. */
export const BASE = document.documentElement.dataset.base ?? '';

/** Reads a view. @throws {@link BoardError} */
export function readView<Name extends BoardViewName>(
  name: Name,
  query: Given<BoardViews[Name]['query']>,
  signal?: AbortSignal,
): Promise<BoardViews[Name]['result']> {
  return request(addressOf(`api/${name}`, query), { ...(signal !== undefined && { signal }) });
}

/** Does an action. @throws {@link BoardError} */
export function act<Name extends BoardActionName>(
  name: Name,
  input: Given<BoardActions[Name]['input']>,
): Promise<BoardActions[Name]['result']> {
  return request(`${BASE}api/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-jetstream-page': '1' },
    body: JSON.stringify(input),
  });
}

/** The address of a file. */
export function fileAddress<Name extends keyof BoardDownloads>(
  name: Name,
  query: Given<BoardDownloads[Name]>,
): string {
  return addressOf(`raw/${name}`, query);
}

/** The address of a route with parameters; those without a value are left out. */
export function addressOf(route: string, query: object): string {
  const given = Object.entries(query as Readonly<Record<string, string | undefined>>).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
  );
  const parameters = new URLSearchParams(given).toString();
  return `${BASE}${route}${parameters === '' ? '' : `?${parameters}`}`;
}

async function request<Result>(address: string, init: RequestInit): Promise<Result> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(address, { ...init, cache: 'no-store', credentials: 'same-origin' });
    text = await response.text();
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    throw unreachable();
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw response.ok
      ? notJson()
      : new BoardError(response.status, '', `The answer is HTTP ${response.status}.`);
  }
  if (!response.ok) throw errorOf(response.status, body);
  return body as Result;
}
