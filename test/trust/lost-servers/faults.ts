import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type NatsConnection, type NodeConnectionOptions } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer, type NatsTestProxy } from 'nestjs-nats-jetstream/testing';
import { sleep } from '../../../lib/timing/index.js';

/** A failure between an application and its server. */
export interface Fault {
  readonly name: string;
  /** Whether the connection of the application recovers automatically. */
  readonly recovers: boolean;
  /** The log line about the permanent end of the connection; missing if it recovers, or the application closes it. */
  readonly reason?: string;
  /** Whether the application is closed while the fault lasts. */
  readonly closesDuringFault?: boolean;
  connection(setting: Setting): Promise<NodeConnectionOptions | NatsConnection>;
  inject(setting: Setting, connection: NodeConnectionOptions | NatsConnection): Promise<void>;
  /** Makes the server usable again for another application. */
  repair?(setting: Setting): Promise<void>;
}

/** The server of one fault, with a part of its configuration that can be changed. */
export class Setting implements AsyncDisposable {
  private constructor(
    readonly server: NatsTestServer,
    readonly proxy: NatsTestProxy,
    private readonly file: string,
  ) {}

  static async open(): Promise<Setting> {
    const file = `lost-servers-${process.pid}.conf`;
    await writeFile(join(tmpdir(), file), WITH_USER);
    // The servers of tests have their configuration in a folder next to that file.
    const server = await NatsTestServer.start({
      config: `include "../${file}"\nlame_duck_grace_period: "200ms"`,
    });
    return new Setting(server, await server.proxy(), join(tmpdir(), file));
  }

  /** Changes the configuration, which the server reads again on a reload or restart. */
  configure(text: string): Promise<void> {
    return writeFile(this.file, text);
  }

  async reload(): Promise<void> {
    process.kill(this.server.pid ?? 0, 'SIGHUP');
    await sleep(100);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
    await rm(this.file);
  }
}

const WITH_USER = 'authorization { users: [{ user: app, password: p }, { user: other, password: p }] }';
const WITHOUT_USER = 'authorization { users: [{ user: other, password: p }] }';
const APP = { user: 'app', pass: 'p', reconnectTimeWait: 50, reconnectJitter: 0 };

const direct = async ({ server }: Setting): Promise<NodeConnectionOptions> => ({
  servers: server.url,
  ...APP,
});

export const faults: readonly Fault[] = [
  {
    name: 'the owner closes the connection',
    recovers: false,
    reason: 'is closed',
    connection: ({ server }) => connect({ servers: server.url, ...APP }),
    inject: (_, connection) => (connection as NatsConnection).close(),
  },
  {
    name: 'the credentials are revoked',
    recovers: false,
    reason: 'is closed: Authorization Violation',
    connection: direct,
    inject: async (setting) => {
      await setting.configure(WITHOUT_USER);
      await setting.reload();
    },
    repair: async (setting) => {
      await setting.configure(WITH_USER);
      await setting.reload();
    },
  },
  {
    name: 'all reconnects are used up',
    recovers: false,
    reason: 'is closed: connection refused',
    connection: async (setting) => ({ ...(await direct(setting)), maxReconnectAttempts: 2 }),
    inject: ({ server }) => server.kill(),
    repair: ({ server }) => server.restart(),
  },
  {
    name: 'the server is frozen',
    recovers: true,
    connection: direct,
    inject: async ({ server }) => {
      server.pause();
      await sleep(2_500);
      server.resume();
    },
  },
  {
    name: 'the server is frozen and the application closed meanwhile',
    recovers: false,
    closesDuringFault: true,
    connection: direct,
    inject: async ({ server }) => server.pause(),
    repair: async ({ server }) => server.resume(),
  },
  {
    name: 'the server is down',
    recovers: true,
    connection: direct,
    inject: async ({ server }) => {
      await server.kill();
      await sleep(1_500);
      await server.restart();
    },
  },
  {
    name: 'the server is down and the application closed meanwhile',
    recovers: false,
    closesDuringFault: true,
    connection: direct,
    inject: ({ server }) => server.kill(),
    repair: ({ server }) => server.restart(),
  },
  {
    name: 'the link is cut every 300 ms',
    recovers: true,
    connection: async ({ proxy }) => ({ ...APP, servers: proxy.url }),
    inject: async ({ proxy }) => {
      for (let cut = 0; cut < 10; cut++) {
        proxy.cut();
        await sleep(300);
      }
    },
  },
  {
    name: 'the server enters lame duck mode',
    recovers: true,
    connection: direct,
    inject: async ({ server }) => {
      process.kill(server.pid ?? 0, 'SIGUSR2');
      await sleep(1_000);
      await server.restart();
    },
  },
  {
    name: 'the server restarts with a smaller max_payload',
    recovers: true,
    connection: direct,
    inject: async (setting) => {
      await setting.configure(`${WITH_USER}\nmax_payload: 10000`);
      await setting.server.restart();
      await sleep(1_000);
    },
  },
];
