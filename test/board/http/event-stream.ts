import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { eventually } from '../../support/eventually.js';

/** An event that the server has sent. */
export interface SentEvent {
  readonly name: string;
  readonly id: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Reads server-sent events. It uses no `fetch`, which opens a connection in advance after an aborted request. */
export class EventStream implements AsyncDisposable {
  readonly events: SentEvent[] = [];
  readonly comments: string[] = [];
  /** Whether the server has closed it. */
  hasEnded = false;
  private readonly reading: Promise<void>;

  /** The status and the headers. */
  readonly response: { readonly status: number; readonly headers: Headers };

  private constructor(private readonly incoming: IncomingMessage) {
    const { statusCode = 0, headers } = incoming;
    this.response = { status: statusCode, headers: new Headers(headers as Record<string, string>) };
    this.reading = this.read();
  }

  static async open(address: string, headers: Readonly<Record<string, string>> = {}): Promise<EventStream> {
    const sent = request(address, { headers, agent: false });
    sent.end();
    const [incoming] = (await once(sent, 'response')) as [IncomingMessage];
    return new EventStream(incoming);
  }

  /** Waits for an event. */
  async next(name: string, matches: (event: SentEvent) => boolean = () => true): Promise<SentEvent> {
    const found = await eventually(
      () => this.events.find((event) => event.name === name && matches(event)),
      (event) => event !== undefined,
    );
    if (found === undefined) throw new Error('unreachable');
    return found;
  }

  async ended(): Promise<void> {
    await eventually(
      () => this.hasEnded,
      (ended) => ended,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.incoming.destroy();
    await this.reading;
  }

  private async read(): Promise<void> {
    let text = '';
    const decoder = new TextDecoder();
    try {
      for await (const chunk of this.incoming) {
        text += decoder.decode(chunk as Uint8Array, { stream: true });
        const blocks = text.split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) this.add(block);
      }
    } catch {
      // The test has closed it.
    }
    this.hasEnded = true;
  }

  private add(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => [line.split(': ', 1)[0], line.slice(line.indexOf(': ') + 2)] as const),
    );
    const data = fields.get('data');
    if (data === undefined) this.comments.push(block);
    else
      this.events.push({
        name: fields.get('event') ?? 'message',
        id: fields.get('id'),
        data: JSON.parse(data) as SentEvent['data'],
      });
  }
}
