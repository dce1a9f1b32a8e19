import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { NatsTestServer } from '../../lib/testing/index.js';

/** A proxy between a client and a server that splits or withholds the server's bytes. */
export class InterferingProxy implements AsyncDisposable {
  /** Splits the bytes of the server into chunks that reach the client one by one. */
  cut: (bytes: Buffer) => Buffer[] = (bytes) => [bytes];
  private readonly links = new Set<Link>();

  private constructor(private readonly server: Server) {}

  static async before(target: NatsTestServer): Promise<InterferingProxy> {
    const server = createServer({ noDelay: true });
    const proxy = new InterferingProxy(server);
    const { port } = new URL(target.url);
    server.on('connection', (client) => proxy.join(client, connect({ port: Number(port), noDelay: true })));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get url(): string {
    return `nats://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Sends bytes to the clients that do not come from the server. */
  inject(text: string): void {
    for (const { client } of this.links) client.write(text);
  }

  /** Closes all links; clients can reconnect at once. */
  cutLinks(): void {
    for (const { client, server } of this.links) {
      client.destroy();
      server.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    this.cutLinks();
    await once(this.server, 'close');
  }

  private join(client: Socket, server: Socket): void {
    const link = { client, server };
    this.links.add(link);
    client.pipe(server);
    let sent = Promise.resolve();
    server.on('data', (bytes: Buffer) => {
      for (const piece of this.cut(bytes)) sent = sent.then(() => send(client, piece));
    });
    const part = (): void => {
      this.links.delete(link);
      client.destroy();
      server.destroy();
    };
    for (const end of [client, server]) end.on('close', part).on('error', part);
  }
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

/** Resolves when the other side has had time to read the chunk separately. */
async function send(client: Socket, piece: Buffer): Promise<void> {
  if (!client.writable) return;
  await new Promise<void>((resolve) => client.write(piece, () => resolve()));
  await new Promise((resolve) => setImmediate(resolve));
}
