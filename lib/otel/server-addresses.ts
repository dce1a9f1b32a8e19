import type { Attributes } from '@opentelemetry/api';
import { Attribute } from './conventions.js';

/** The part of a connection that is used here. */
export interface ConnectedServer {
  readonly nc: {
    isClosed(): boolean;
    /** Host and port of the current server. */
    getServer(): string;
  };
}

/** Finds a connection by its name; `undefined` if it is unknown. */
export type FindConnection = (name: string) => ConnectedServer | undefined;

/** The server of one connection, which may change with a reconnect. */
export class ServerAddress {
  private connection: ConnectedServer | undefined;
  private server = '';
  private attributes: Attributes = {};

  constructor(
    private readonly name: string,
    private readonly find: FindConnection | undefined,
  ) {}

  /** The attributes of the current server; the same object as long as it does not change. */
  get current(): Attributes {
    this.connection ??= this.find?.(this.name);
    if (this.connection === undefined) return this.attributes;
    const { nc } = this.connection;
    const server = nc.isClosed() ? this.server : nc.getServer();
    if (server !== this.server) {
      this.server = server;
      this.attributes = addressOf(server);
    }
    return this.attributes;
  }
}

function addressOf(server: string): Attributes {
  const found = /^\[?(?<host>.*?)\]?:(?<port>\d+)$/.exec(server)?.groups;
  if (found === undefined) return server === '' ? {} : { [Attribute.serverAddress]: server };
  return { [Attribute.serverAddress]: found.host, [Attribute.serverPort]: Number(found.port) };
}
