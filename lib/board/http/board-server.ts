import { AccessCheck } from '../../pages/index.js';
import { BoardData, type BoardSource, type PayloadOptions } from '../data/index.js';
import type { BoardAccessContext, BoardAccessRule, BoardAction } from './access.js';
import { Audit } from './audit.js';
import { BoardEvents } from './board-events.js';
import { BoardHandlers } from './board-handlers.js';
import { BoardPage } from './board-page.js';
import { BoardService } from './board-service.js';
import { LIVE_TIMES, type LiveTimes } from './live-group.js';
import { LiveStream } from './live-stream.js';

/** The options of {@link BoardServer}. */
export interface BoardServerOptions {
  readonly access?: BoardAccessRule | undefined;
  readonly payloads?: PayloadOptions | undefined;
  readonly readOnly?: boolean | undefined;
  readonly title?: string | undefined;
}

/** The parts of one board. */
export class BoardServer {
  readonly handlers: BoardHandlers;
  private readonly data: BoardData;
  private readonly events: BoardEvents;
  private readonly live: LiveStream;
  private readonly audit: Audit;

  constructor(
    source: BoardSource,
    { access: rule, payloads = {}, readOnly = true, title = 'JetStream board' }: BoardServerOptions,
    times: LiveTimes = LIVE_TIMES,
  ) {
    const access = new AccessCheck<BoardAccessContext, BoardAction>(
      rule,
      'JetStreamBoardModule',
      'JetStreamBoard',
    );
    this.data = new BoardData(source, { payloads });
    this.events = new BoardEvents(source.events);
    const audit = new Audit(this.events);
    this.audit = audit;
    const service = new BoardService(
      { source, data: this.data, access, events: this.events, audit },
      { title, readOnly, isMasked: payloads.mask !== undefined },
    );
    this.live = new LiveStream(
      {
        source,
        data: this.data,
        events: this.events,
        mayRead: (request) => service.mayRead(request),
      },
      times,
    );
    this.handlers = new BoardHandlers(new BoardPage(title), service, this.live, audit);
  }

  /** Ends event streams, which would keep the HTTP server open, and interrupts jobs. Never rejects. */
  async stop(): Promise<void> {
    this.live.stop();
    this.events.stop();
    await this.data.stop().catch((error: unknown) => this.audit.broken('The end of the jobs', error));
  }
}
