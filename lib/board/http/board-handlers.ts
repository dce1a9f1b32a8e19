import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  CallerSignal,
  isSameOrigin,
  type PageRequest,
  type PageResponses,
  refuseForeign,
} from '../../pages/index.js';
import type { Audit } from './audit.js';
import type { BoardPage } from './board-page.js';
import type { BoardCaller, BoardService } from './board-service.js';
import { attachment } from './file-name.js';
import type { LiveStream } from './live-stream.js';
import { BoardRefusal, refusalOf } from './refusal.js';

/** A request, with its response. */
interface Exchange {
  readonly request: PageRequest;
  readonly response: unknown;
  readonly responses: PageResponses;
}

type Answering = (request: PageRequest, response: unknown, responses: PageResponses) => Promise<void>;

/** Answers the requests of a board. Its methods never reject: every failure is a JSON answer without a stack. */
export class BoardHandlers {
  constructor(
    private readonly page: BoardPage,
    private readonly service: BoardService,
    private readonly live: LiveStream,
    private readonly audit: Audit,
  ) {}

  readonly index: Answering = (...exchange) =>
    this.answer(exchange, async ({ request, response, responses }) => {
      await this.service.requireRead(request.raw);
      responses.send(request, response, this.page.html(request.base));
    });

  readonly asset: Answering = (...exchange) =>
    this.answer(exchange, async ({ request, response, responses }) => {
      await this.service.requireRead(request.raw);
      const asset = this.page.asset(request.param('name') ?? '');
      if (asset === undefined) throw new BoardRefusal(404, 'There is no such file.');
      responses.send(request, response, asset);
    });

  readonly view: Answering = (...exchange) =>
    this.answer(exchange, async ({ request, response, responses }, caller) => {
      requireOwn(request);
      const name = request.param('view') ?? '';
      responses.json(response, await this.service.view(name, queriesOf(request), caller));
    });

  /** Carries out an action. */
  readonly act: Answering = (...exchange) =>
    this.answer(exchange, async ({ request, response, responses }, caller) => {
      const foreign = refuseForeign(request);
      if (foreign !== undefined) throw new BoardRefusal(foreign.status, foreign.message);
      const result = await this.service.act(request.param('action') ?? '', request.body, caller);
      responses.json(response, result);
    });

  /** Sends a payload as a file. */
  readonly download: Answering = (...exchange) =>
    this.answer(exchange, async ({ request, response, responses }, caller) => {
      requireOwn(request, 'none');
      const file = await this.service.download(request.param('name') ?? '', queriesOf(request), caller);
      const { fileName, size, content } = file;
      const raw = responses.open(response, [
        ['content-type', 'application/octet-stream'],
        ['content-disposition', attachment(fileName)],
        ...(size === undefined ? [] : [['content-length', String(size)] as const]),
      ]);
      if (request.method === 'HEAD') raw.end();
      else await this.send(content, raw, caller);
    });

  /** Sends events until the caller leaves. */
  readonly stream: Answering = (...exchange) =>
    this.answer(exchange, async ({ request, response, responses }) => {
      requireOwn(request);
      await this.service.requireRead(request.raw);
      const connection = this.live.require(queriesOf(request));
      const raw = responses.open(response, [['content-type', 'text/event-stream; charset=utf-8']]);
      if (request.method === 'HEAD') raw.end();
      else this.live.add(raw, request.raw, connection, request.header('last-event-id'));
    });

  private async send(
    content: AsyncIterable<Uint8Array>,
    raw: NodeJS.WritableStream,
    { signal }: BoardCaller,
  ): Promise<void> {
    try {
      await pipeline(Readable.from(content, { objectMode: false }), raw, { signal });
    } catch (error) {
      // The status was sent; the missing end is how the caller learns of it.
      if (!signal.aborted) this.audit.broken('A download', error);
    }
  }

  private async answer(
    [request, response, responses]: Parameters<Answering>,
    act: (exchange: Exchange, caller: BoardCaller) => Promise<void>,
  ): Promise<void> {
    const caller = new CallerSignal(response);
    try {
      await act({ request, response, responses }, { request: request.raw, signal: caller.signal });
    } catch (error) {
      if (!caller.hasLeft) this.fail(response, responses, error);
    } finally {
      caller.end();
    }
  }

  private fail(response: unknown, responses: PageResponses, error: unknown): void {
    const refusal = refusalOf(error);
    if (refusal !== undefined) {
      const { status, body, retryAfter } = refusal;
      const headers = retryAfter === undefined ? [] : [['retry-after', String(retryAfter)] as const];
      responses.json(response, body, status, headers);
      return;
    }
    this.audit.broken('A request of the board', error);
    const message = 'The request failed; see the log of the application.';
    responses.json(response, { error: { name: 'Error', message } }, 500);
  }
}

function queriesOf(request: PageRequest): Readonly<Record<string, string>> {
  const { queries } = request;
  if (queries !== undefined) return queries;
  throw new BoardRefusal(400, 'A parameter was sent several times.', 'InvalidArgumentError');
}

/**
 * Other sites cannot read the answers of this application, unless it allows that with CORS for all of its routes: the
 * board does not.
 *
 * @param alsoFrom a further value of `Sec-Fetch-Site`: `none` is an address that the user has entered
 */
function requireOwn(request: PageRequest, alsoFrom?: 'none'): void {
  if (isSameOrigin(request)) return;
  if (alsoFrom !== undefined && request.header('sec-fetch-site') === alsoFrom) return;
  throw new BoardRefusal(403, 'The request comes from another origin. Send it from the page itself.');
}
