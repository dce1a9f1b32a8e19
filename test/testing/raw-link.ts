import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A TCP connection without a NATS client, which records what arrives and how it ends. */
export class RawLink implements Disposable {
  readonly chunks: Buffer[] = [];
  /** `end` after a regular end, or the code of the error. */
  outcome: string | undefined;
  /** When it ended, by `performance.now()`. */
  endedAt: number | undefined;

  private constructor(readonly socket: Socket) {
    socket.on('data', (bytes: Buffer) => this.chunks.push(bytes));
    socket.on('end', () => this.end('end'));
    socket.on('error', (error: NodeJS.ErrnoException) => this.end(error.code ?? error.message));
  }

  /** Resolves when the connection is open, or was reset as soon as it was open. Rejects if it is refused. */
  static async to(url: string): Promise<RawLink> {
    const link = new RawLink(connect(Number(new URL(url).port), '127.0.0.1'));
    await once(link.socket, 'connect').catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'ECONNRESET')) throw error;
    });
    return link;
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  send(text: string): void {
    this.socket.write(text);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  private end(outcome: string): void {
    this.outcome ??= outcome;
    this.endedAt ??= performance.now();
  }
}
