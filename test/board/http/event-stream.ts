import { eventually } from '../../support/eventually.js';

/** An event that the server has sent. */
export interface SentEvent {
  readonly name: string;
  readonly id: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Reads server-sent events. */
export class EventStream implements AsyncDisposable {
  readonly events: SentEvent[] = [];
  readonly comments: string[] = [];
  /** Whether the server has closed it. */
  hasEnded = false;
  private readonly reading: Promise<void>;

  private constructor(
    readonly response: Response,
    private readonly controller: AbortController,
  ) {
    this.reading = this.read();
  }

  static async open(address: string, headers: Readonly<Record<string, string>> = {}): Promise<EventStream> {
    const controller = new AbortController();
    return new EventStream(await fetch(address, { headers, signal: controller.signal }), controller);
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
    this.controller.abort();
    await this.reading;
  }

  private async read(): Promise<void> {
    let text = '';
    const decoder = new TextDecoder();
    try {
      for await (const chunk of this.response.body ?? []) {
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
