import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Publishes bytes that a client would reject: they are sent to the server unchanged. */
export class RawPublisher implements AsyncDisposable {
  private constructor(private readonly socket: Socket) {}

  static async connect(
    url: string,
    credentials: { user?: string; pass?: string } = {},
  ): Promise<RawPublisher> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.setNoDelay(true);
    await once(socket, 'data');
    const options = { verbose: false, pedantic: false, headers: true, ...credentials };
    socket.write(`CONNECT ${JSON.stringify(options)}\r\n`);
    return new RawPublisher(socket);
  }

  /** Publishes a message with a block of headers, and resolves when the server has processed it. */
  async publish(subject: string, block: string | Buffer, payload = '', reply = ''): Promise<void> {
    const headers = Buffer.from(block);
    const body = Buffer.concat([headers, Buffer.from(payload)]);
    const to = reply === '' ? subject : `${subject} ${reply}`;
    this.socket.write(`HPUB ${to} ${headers.length} ${body.length}\r\n`);
    this.socket.write(body);
    this.socket.write('\r\nPING\r\n');
    await once(this.socket, 'data');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await once(this.socket, 'close');
  }
}
