import { Logger } from '@nestjs/common';
import { type PageContent, type PageRequest, type PageResponses, refuseForeign } from '../../pages/index.js';
import { errorStack, errorText, heldBackText, ReportLimiter } from '../../reporting/index.js';
import { type AsyncApiAccessCheck, type TryIt, TryItRefusal } from '../try-it/index.js';
import type { AsyncApiPage } from './asyncapi-page.js';

const FORBIDDEN = new TryItRefusal(403, 'You have no access to this.');
const NOT_FOUND = new TryItRefusal(404, 'There is no such page.');

/** Answers the requests of a page. Its methods never reject: every failure is a JSON answer without a stack. */
export class PageHandlers {
  private readonly logger = new Logger('JetStreamAsyncApi');
  private readonly limiter = new ReportLimiter();

  constructor(
    private readonly page: AsyncApiPage,
    private readonly access: AsyncApiAccessCheck,
    private readonly tryIt: TryIt | undefined,
  ) {}

  index(request: PageRequest, response: unknown, responses: PageResponses): Promise<void> {
    return this.read(request, response, responses, () => this.page.html(request.base));
  }

  json(request: PageRequest, response: unknown, responses: PageResponses): Promise<void> {
    return this.read(request, response, responses, () => this.page.text('json'));
  }

  yaml(request: PageRequest, response: unknown, responses: PageResponses): Promise<void> {
    return this.read(request, response, responses, () => this.page.text('yaml'));
  }

  asset(request: PageRequest, response: unknown, responses: PageResponses): Promise<void> {
    return this.read(request, response, responses, async () => {
      const asset = await this.page.asset(request.param('name') ?? '');
      if (asset === undefined) throw NOT_FOUND;
      return asset;
    });
  }

  /** The channels and the actions that the caller may try. */
  channels(request: PageRequest, response: unknown, responses: PageResponses): Promise<void> {
    return this.answer(response, responses, async () => {
      await this.requireRead(request);
      return this.enabled().describe(request.raw);
    });
  }

  /** Carries out an action. */
  act(request: PageRequest, response: unknown, responses: PageResponses): Promise<void> {
    return this.answer(response, responses, async () => {
      const tryIt = this.enabled();
      const foreign = refuseForeign(request);
      if (foreign !== undefined) throw new TryItRefusal(foreign.status, foreign.message);
      return tryIt.act(request.param('action') ?? '', request.body, request.raw);
    });
  }

  private enabled(): TryIt {
    if (this.tryIt === undefined) throw NOT_FOUND;
    return this.tryIt;
  }

  private async read(
    request: PageRequest,
    response: unknown,
    responses: PageResponses,
    content: () => Promise<PageContent>,
  ): Promise<void> {
    try {
      await this.requireRead(request);
      responses.send(request, response, await content());
    } catch (error) {
      this.fail(response, responses, error);
    }
  }

  private async answer(
    response: unknown,
    responses: PageResponses,
    act: () => Promise<unknown>,
  ): Promise<void> {
    try {
      responses.json(response, await act());
    } catch (error) {
      this.fail(response, responses, error);
    }
  }

  private async requireRead({ raw }: PageRequest): Promise<void> {
    const { allowed } = await this.access.decide({ request: raw }, 'read');
    if (!allowed) throw FORBIDDEN;
  }

  private fail(response: unknown, responses: PageResponses, error: unknown): void {
    if (error instanceof TryItRefusal) {
      const { status, message, retryAfter } = error;
      const headers = retryAfter === undefined ? [] : [['retry-after', String(retryAfter)] as const];
      responses.json(response, { error: { message } }, status, headers);
      return;
    }
    const text = `The page was not served: ${errorText(error)}`;
    const heldBack = this.limiter.admit(text);
    if (heldBack !== undefined) this.logger.error(`${text}${heldBackText(heldBack)}`, errorStack(error));
    responses.json(response, { error: { message: 'The page failed; see the log of the service.' } }, 500);
  }
}
