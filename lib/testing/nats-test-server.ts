import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { InvalidArgumentError } from '../errors/index.js';
import { errorText } from '../reporting/index.js';
import { CommandQueue } from '../timing/index.js';
import { given, optionsCheck } from '../validation/index.js';
import { NatsServerStartError } from './errors.js';
import { findFreePorts, retryWhilePortIsTaken } from './free-ports.js';
import { NatsTestProxy } from './nats-test-proxy.js';
import { ServerAccess, type NatsTestConnectionOptions, type NatsTestTls } from './server-access.js';
import { findServerBinary } from './server-binary.js';
import { configText, ownConfig } from './server-config.js';
import {
  checkedLeafOptions,
  checkedServerOptions,
  SERVER_OPTIONS,
  type NatsTestLeafOptions,
  type NatsTestServerOptions,
} from './server-options.js';
import { ServerProcess } from './server-process.js';
import { checkDomain, leafReady, serverReady } from './server-readiness.js';
import { waitUntilStopped } from './stopped-process.js';

/**
 * The parts of a server that are not its options.
 *
 * @internal
 */
export interface NatsTestServerSetup {
  /** The users and certificates, which the servers of a cluster share. */
  readonly access: ServerAccess;
  /** More configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** The fixed properties of a server. */
interface Identity {
  readonly binary: string;
  /** The folder of its files. */
  readonly folder: string;
  readonly options: NatsTestServerOptions;
  readonly access: ServerAccess;
  readonly port: number;
  readonly monitoringPort: number;
  /** The port for leaf nodes, if the server accepts any. */
  readonly leafPort: number | undefined;
}

/** Options of {@link NatsTestServer.restart}. */
export interface NatsTestRestartOptions {
  /**
   * Continue with this version of the server, over the same store: `2.15` for the newest available 2.15, or `2.15.1`.
   * Later restarts keep it. Default: the version that ran before. A server may not be able to read the store of a newer
   * one.
   */
  readonly version?: string | undefined;
}

const checkRestartOptions = optionsCheck<NatsTestRestartOptions>('restart', {
  version: SERVER_OPTIONS.version,
});

/**
 * A real nats-server for tests, on a loopback port, with its own store.
 *
 * It ends when the process that started it ends, even by SIGKILL, and does not keep that process alive.
 *
 * @example
 * ```ts
 * await using server = await NatsTestServer.start();
 * const connection = await connect({ servers: server.url });
 * ```
 */
export class NatsTestServer implements AsyncDisposable {
  private current: ServerProcess | undefined;
  private actualVersion = '';
  private stopped = false;
  /** The program of the version that {@link restart} has changed to. */
  private otherBinary: string | undefined;
  private readonly proxies = new Set<NatsTestProxy>();
  /** Starts and ends the process: only one of these commands may run at a time, however the test calls them. */
  private readonly commands = new CommandQueue();

  /**
   * Starts a server and waits until it is ready: it accepts clients, and JetStream is up.
   *
   * The program is searched, and downloaded if there is none, as described in the testing guide.
   *
   * @throws InvalidArgumentError if an option is unknown or invalid, or options contradict each other
   * @throws NatsServerNotFoundError if there is no server of this version and none can be downloaded
   * @throws NatsServerChecksumError if the download is not the official release
   * @throws NatsServerStartError if the server does not start; it contains the server's log
   */
  static async start(options: NatsTestServerOptions = {}): Promise<NatsTestServer> {
    const checked = checkedServerOptions(options);
    return NatsTestServer.create(checked, { access: new ServerAccess(checked) });
  }

  /**
   * Starts a server with checked options.
   *
   * @internal
   */
  static async create(
    options: NatsTestServerOptions,
    { access, config = {} }: NatsTestServerSetup,
  ): Promise<NatsTestServer> {
    const binary = await findServerBinary(options.version);
    const folder = await mkdtemp(join(tmpdir(), 'nats-test-server-'));
    try {
      const blocks = { ...config, ...(await access.configIn(folder)) };
      return await retryWhilePortIsTaken(async () => {
        const hasLeafNodes = options.leafNodes === true;
        const [port = 0, monitoringPort = 0, leafPort] = await findFreePorts(hasLeafNodes ? 3 : 2);
        const server = new NatsTestServer({
          binary,
          folder,
          options,
          access,
          port: options.port ?? port,
          monitoringPort,
          leafPort,
        });
        const own = ownConfig({ name: server.name, domain: options.domain, leafPort, blocks });
        await writeFile(join(folder, 'server.conf'), configText(own, options.config));
        await server.launch();
        return server;
      });
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** The server's name, which also identifies it in the information of a cluster about its leaders and replicas. */
  readonly name = `test-${randomBytes(6).toString('hex')}`;
  /** The port for clients; {@link restart} keeps it. */
  readonly port: number;

  private constructor(private readonly identity: Identity) {
    this.port = identity.port;
  }

  /** The URL for clients: `nats://127.0.0.1:<port>`. */
  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** The server's monitoring endpoint, for example for `/varz`, `/connz` and `/jsz`. */
  get monitoringUrl(): string {
    return `http://127.0.0.1:${this.identity.monitoringPort}`;
  }

  /** The server's version, such as `2.10.27`. */
  get version(): string {
    return this.actualVersion;
  }

  /** The process id of the server; `undefined` while it is not running. */
  get pid(): number | undefined {
    return this.current?.pid;
  }

  /** The folder of the streams. */
  get storeDir(): string {
    return this.identity.options.storeDir ?? join(this.identity.folder, 'store');
  }

  /**
   * The TLS options of clients: the certificate of the server's authority, and a certificate and key for clients. The
   * same as in {@link connectionFor}. `undefined` if the server was started without `tls`.
   */
  get tls(): NatsTestTls | undefined {
    return this.identity.access.tls;
  }

  /**
   * The options of a client's connection: the URL, the credentials of a user, and the certificates.
   *
   * @example
   * ```ts
   * JetStreamModule.forRoot({ connection: server.connectionFor('sue') });
   * ```
   *
   * @param user - the name of a user of the options `users` or `accounts`; not needed if clients need no credentials
   * @throws InvalidArgumentError if the server was not started with this user, or needs one and none is named
   */
  connectionFor(user?: string): NatsTestConnectionOptions<string> {
    return this.identity.access.connection(this.url, user);
  }

  /**
   * The server's log so far, over all its restarts.
   *
   * @throws Error after {@link stop}, which removes it; the error of the file system if the log cannot be read
   */
  async log(): Promise<string> {
    if (this.stopped) throw new Error('This NatsTestServer was stopped, and its log removed: read it before');
    return readFile(this.logFile, 'utf8');
  }

  /**
   * Shuts the server down, waits until it has ended and removes its store, unless `storeDir` was given. Its proxies are
   * closed.
   *
   * @throws the error of the file system if its folder cannot be removed
   */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.commands.run(() => this.current?.terminate());
    await Promise.all([...this.proxies].map((proxy) => proxy.close()));
    await rm(this.identity.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /**
   * Shuts the server down, if it is running, and starts it again with the same port and store; with the option `version`
   * as another version, for example to test an upgrade.
   *
   * @throws InvalidArgumentError if an option does not exist, or is invalid
   * @throws NatsServerNotFoundError if there is no server of this version and none can be downloaded
   * @throws NatsServerChecksumError if the download is not the official release
   * @throws NatsServerStartError if it does not start again
   * @throws Error after {@link stop}
   */
  async restart(options: NatsTestRestartOptions = {}): Promise<void> {
    const { version } = checkRestartOptions(options);
    this.checkNotStopped();
    if (version !== undefined) this.otherBinary = await findServerBinary(version);
    await this.commands.run(async () => {
      this.checkNotStopped();
      await this.current?.terminate();
      await retryWhilePortIsTaken(() => this.launch());
    });
  }

  /**
   * Kills the server (SIGKILL) and waits until it has ended. {@link restart} uses its store as it was left. It never
   * rejects.
   */
  async kill(): Promise<void> {
    await this.commands.run(() => this.current?.kill());
  }

  /**
   * Shuts the server down and waits until it has ended, but keeps its port and store for {@link restart}. It does
   * nothing if the server is not running, and never rejects.
   */
  async shutdown(): Promise<void> {
    await this.commands.run(() => this.current?.terminate());
  }

  /**
   * Suspends the server (SIGSTOP): once this returns, connections stay open and the server does not respond. Not on
   * Windows.
   *
   * @throws Error if the server is not running
   */
  pause(): void {
    this.signal('SIGSTOP');
    if (this.pid !== undefined) waitUntilStopped(this.pid);
  }

  /**
   * Resumes a paused server (SIGCONT). Not on Windows.
   *
   * @throws Error if the server is not running
   */
  resume(): void {
    this.signal('SIGCONT');
  }

  /**
   * Starts another server as a leaf node of this one, and waits until they are connected. This server, the hub, must have
   * been started with `leafNodes: true`. The leaf node is separate: stop it too.
   *
   * @example
   * ```ts
   * const hub = await NatsTestServer.start({ domain: 'hub', leafNodes: true });
   * const edge = await hub.startLeaf({ domain: 'edge' });
   * ```
   *
   * @param options - the options of the leaf node, and the user and account that the hub and the leaf node connect
   * @throws InvalidArgumentError if the hub accepts no leaf nodes, or has no such user, or needs one and none is named
   * @throws Error after {@link stop}
   * @throws as {@link start}
   */
  async startLeaf(options: NatsTestLeafOptions = {}): Promise<NatsTestServer> {
    const { hubUser, account, ...checked } = checkedLeafOptions(options);
    this.checkNotStopped();
    const { access, leafPort } = this.identity;
    if (leafPort === undefined) {
      const reason = 'the hub accepts no leaf nodes. Start it with the option { leafNodes: true }';
      throw new InvalidArgumentError('leafNodes', reason);
    }
    const { user, pass } = access.connection('', hubUser);
    const credentials =
      user === undefined ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(pass ?? '')}@`;
    const remote = { url: `nats-leaf://${credentials}127.0.0.1:${leafPort}`, ...given({ account }) };
    const leaf = await NatsTestServer.create(checked, {
      access: new ServerAccess(checked),
      config: { leafnodes: { remotes: [remote] } },
    });
    try {
      await leafReady(leaf);
      return leaf;
    } catch (error) {
      const failure = await leaf.failure(error);
      await leaf.stop();
      throw failure;
    }
  }

  /**
   * Starts a proxy in front of the server, on a port of its own, which can delay, cut and disturb the links of clients
   * that connect to its `url`. {@link stop} closes it. Clients of a cluster also learn the addresses of its servers; set
   * their option `ignoreClusterUpdates` to keep them on the proxy.
   *
   * @throws Error after {@link stop}
   */
  async proxy(): Promise<NatsTestProxy> {
    this.checkNotStopped();
    const proxy = await NatsTestProxy.before(this.port);
    this.proxies.add(proxy);
    if (this.stopped) await proxy.close();
    this.checkNotStopped();
    return proxy;
  }

  private checkNotStopped(): void {
    if (this.stopped)
      throw new Error('This NatsTestServer was stopped, and its store removed: start a new one');
  }

  /**
   * The same as {@link stop}.
   *
   * @throws the errors of {@link stop}
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  private signal(signal: NodeJS.Signals): void {
    if (this.current === undefined) {
      throw new Error('nats-server is not running');
    }
    this.current.signal(signal);
  }

  private async launch(): Promise<void> {
    const server = new ServerProcess({
      binary: this.otherBinary ?? this.identity.binary,
      args: this.args(),
      folder: this.identity.folder,
      logFile: this.logFile,
    });
    this.current = server;
    const abort = new AbortController();
    try {
      const failure = server.exited.then((how) => Promise.reject(new Error(`it ended with ${how}`)));
      this.actualVersion = await Promise.race([serverReady(this, abort.signal), failure]);
      const { domain } = this.identity.options;
      if (domain !== undefined) await checkDomain(this, domain);
    } catch (error) {
      await server.kill();
      throw await this.failure(error);
    } finally {
      abort.abort();
    }
  }

  /** The error for a failed start, with the end of the log. */
  private async failure(error: unknown): Promise<NatsServerStartError> {
    const log = (await readFile(this.logFile, 'utf8')).trim().split('\n').slice(-20).join('\n');
    return new NatsServerStartError(errorText(error), log);
  }

  private args(): string[] {
    const args = ['--config', join(this.identity.folder, 'server.conf'), '--addr', '127.0.0.1'];
    args.push('--port', `${this.port}`, '--http_port', `${this.identity.monitoringPort}`);
    if (this.identity.options.jetstream ?? true) {
      args.push('--jetstream', '--store_dir', this.storeDir);
    }
    return args;
  }

  private get logFile(): string {
    return join(this.identity.folder, 'server.log');
  }
}
