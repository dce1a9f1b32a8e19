import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { NatsServerStartError } from './errors.js';
import { findFreePorts, retryWhilePortIsTaken } from './free-ports.js';
import { monitor } from './monitoring.js';
import { NatsTestProxy } from './nats-test-proxy.js';
import { findServerBinary } from './server-binary.js';
import { toConfigText, type NatsServerConfig } from './server-config.js';
import { ServerProcess } from './server-process.js';
import { waitUntilStopped } from './stopped-process.js';

/** How long a server may take until it is ready, in milliseconds; a large store takes longer. */
const START_TIMEOUT = 30_000;
/** The interval of readiness checks, in milliseconds. */
const READY_POLL = 2;

/** Options of {@link NatsTestServer.start}. */
export interface NatsTestServerOptions {
  /**
   * The server's version: `2.10` for the newest available 2.10, or `2.10.27`. Default: a `nats-server` on `PATH` of
   * 2.11 or newer, otherwise the newest available.
   */
  readonly version?: string | undefined;
  /** Whether JetStream is enabled. Default: `true`. */
  readonly jetstream?: boolean | undefined;
  /**
   * The folder of the streams, which {@link NatsTestServer.stop} does not remove. Default: a new folder, which it
   * removes.
   */
  readonly storeDir?: string | undefined;
  /**
   * More configuration: the text of a nats-server configuration file, or the same as an object. Host, ports, server
   * name and store cannot be set here.
   */
  readonly config?: NatsServerConfig | undefined;
  /** The port for clients. Default: a free port. */
  readonly port?: number | undefined;
}

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
  private readonly proxies = new Set<NatsTestProxy>();

  /**
   * Starts a server and waits until it is ready: it accepts clients, and JetStream is up.
   *
   * The program is searched, and downloaded if there is none, as described in the testing guide.
   *
   * @throws NatsServerNotFoundError if there is no server of this version and none can be downloaded
   * @throws NatsServerChecksumError if the download is not the official release
   * @throws NatsServerStartError if the server does not start; it contains the server's log
   */
  static async start(options: NatsTestServerOptions = {}): Promise<NatsTestServer> {
    const binary = await findServerBinary(options.version);
    const folder = await mkdtemp(join(tmpdir(), 'nats-test-server-'));
    try {
      return await retryWhilePortIsTaken(async () => {
        const [port = 0, monitoringPort = 0] = await findFreePorts(2);
        const server = new NatsTestServer(binary, folder, options, options.port ?? port, monitoringPort);
        // It is not passed as an argument, because a server that reloads its configuration would reject that.
        const name = toConfigText({ server_name: server.name });
        await writeFile(join(folder, 'server.conf'), name + toConfigText(options.config));
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

  private constructor(
    private readonly binary: string,
    private readonly folder: string,
    private readonly options: NatsTestServerOptions,
    /** The port for clients; {@link restart} keeps it. */
    readonly port: number,
    private readonly monitoringPort: number,
  ) {}

  /** The URL for clients: `nats://127.0.0.1:<port>`. */
  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** The server's monitoring endpoint, for example for `/varz`, `/connz` and `/jsz`. */
  get monitoringUrl(): string {
    return `http://127.0.0.1:${this.monitoringPort}`;
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
    return this.options.storeDir ?? join(this.folder, 'store');
  }

  /**
   * The server's log so far, over all its restarts.
   *
   * @throws the error of the file system if the log cannot be read
   */
  log(): Promise<string> {
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
    await this.current?.terminate();
    await Promise.all([...this.proxies].map((proxy) => proxy.close()));
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /**
   * Shuts the server down, if it is running, and starts it again with the same port and store.
   *
   * @throws NatsServerStartError if it does not start again
   * @throws Error after {@link stop}
   */
  async restart(): Promise<void> {
    if (this.stopped) {
      throw new Error('This NatsTestServer was stopped, and its store removed: start a new one');
    }
    await this.current?.terminate();
    await retryWhilePortIsTaken(() => this.launch());
  }

  /**
   * Kills the server (SIGKILL) and waits until it has ended. {@link restart} uses its store as it was left. It never
   * rejects.
   */
  async kill(): Promise<void> {
    await this.current?.kill();
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
   * Starts a proxy in front of the server, on a port of its own, which can delay, cut and disturb the links of clients
   * that connect to its `url`. {@link stop} closes it. Clients of a cluster also learn the addresses of its servers; set
   * their option `ignoreClusterUpdates` to keep them on the proxy.
   *
   * @throws Error after {@link stop}
   */
  async proxy(): Promise<NatsTestProxy> {
    if (this.stopped) {
      throw new Error('This NatsTestServer was stopped: start a new one');
    }
    const proxy = await NatsTestProxy.before(this.port);
    this.proxies.add(proxy);
    return proxy;
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
      binary: this.binary,
      args: this.args(),
      folder: this.folder,
      logFile: this.logFile,
    });
    this.current = server;
    const abort = new AbortController();
    try {
      const failure = server.exited.then((how) => Promise.reject(new Error(`it ended with ${how}`)));
      this.actualVersion = await Promise.race([this.ready(abort.signal), failure]);
    } catch (error) {
      await server.kill();
      const reason = error instanceof Error ? error.message : String(error);
      throw new NatsServerStartError(reason, (await this.log()).trim().split('\n').slice(-20).join('\n'));
    } finally {
      abort.abort();
    }
  }

  private args(): string[] {
    const args = ['--config', join(this.folder, 'server.conf'), '--addr', '127.0.0.1'];
    args.push('--port', `${this.port}`, '--http_port', `${this.monitoringPort}`);
    if (this.options.jetstream ?? true) {
      args.push('--jetstream', '--store_dir', this.storeDir);
    }
    return args;
  }

  /** Waits until the server accepts clients and JetStream is ready, if it is enabled; returns its version. */
  private async ready(signal: AbortSignal): Promise<string> {
    const deadline = Date.now() + START_TIMEOUT;
    for (;;) {
      const version = await this.versionWhenReady().catch(() => undefined);
      if (version !== undefined) {
        return version;
      }
      if (Date.now() > deadline) {
        throw new Error(`it was not ready after ${START_TIMEOUT} ms`);
      }
      await sleep(READY_POLL, undefined, { signal });
    }
  }

  private async versionWhenReady(): Promise<string | undefined> {
    const varz = (await monitor(`${this.monitoringUrl}/varz`)) as { server_name: string; version: string };
    if (varz.server_name !== this.name) {
      // Another server took the port first, so this one is about to end.
      return undefined;
    }
    await monitor(`${this.monitoringUrl}/healthz?js-enabled-only=true`);
    return varz.version;
  }

  private get logFile(): string {
    return join(this.folder, 'server.log');
  }
}
