import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { InvalidArgumentError } from '../errors/index.js';
import { shown } from '../reporting/index.js';
import { given } from '../validation/index.js';
import type {
  NatsTestAccessOptions,
  NatsTestAccount,
  NatsTestPermissions,
  NatsTestTlsOptions,
  NatsTestUser,
} from './access-options.js';
import { CertificateAuthority, type CertificateWithKey } from './certificate-authority.js';

/** The TLS options of a client: texts in PEM format. */
export interface NatsTestTls {
  /** The certificate of the authority that issued the server's certificate. */
  readonly ca: string;
  /** A certificate for clients, which servers with `verify` require. */
  readonly cert: string;
  /** The private key of `cert`. */
  readonly key: string;
  /** Whether the connection begins with the handshake. */
  readonly handshakeFirst: boolean;
}

/** Options for the connection of a client, for `connect` and `JetStreamModule.forRoot({ connection })`. */
export interface NatsTestConnectionOptions<Servers extends string | string[] = string | string[]> {
  readonly servers: Servers;
  readonly user?: string;
  readonly pass?: string;
  readonly tls?: NatsTestTls;
}

/** The system account, in which JetStream cannot be enabled. */
const SYSTEM = '$SYS';

/** A user with its password. */
interface KnownUser {
  readonly user: string;
  readonly password: string;
}

/** Which clients the servers of a test accept: users, accounts and certificates, shared by the servers of a cluster. */
export class ServerAccess {
  /** The TLS options of clients, if the servers require TLS. */
  readonly tls: NatsTestTls | undefined;
  private readonly users = new Map<string, KnownUser>();
  private readonly accounts: Readonly<Record<string, unknown>> | undefined;
  private readonly globalUsers: readonly unknown[] | undefined;
  private readonly noAuthUser: string | undefined;
  private readonly tlsOptions: NatsTestTlsOptions;
  private readonly certificate: CertificateWithKey | undefined;

  /**
   * @param options checked options; `jetstream` says whether the servers have JetStream
   * @throws InvalidArgumentError if two users have the same name, or `noAuthUser` does not exist
   */
  constructor(options: NatsTestAccessOptions & { readonly jetstream?: boolean | undefined }) {
    const { users, accounts, noAuthUser, tls = false, jetstream = true } = options;
    this.globalUsers = users?.map((user) => this.userConfig(user));
    this.accounts =
      accounts &&
      Object.fromEntries(
        Object.entries(accounts).map(([name, account]) => [
          name,
          this.accountConfig(account, jetstream && name !== SYSTEM),
        ]),
      );
    this.noAuthUser = noAuthUser;
    if (noAuthUser !== undefined) this.find('noAuthUser', noAuthUser);
    this.tlsOptions = typeof tls === 'boolean' ? {} : tls;
    if (tls !== false) {
      const { hosts = ['localhost', '127.0.0.1'], validUntil, handshakeFirst = false } = this.tlsOptions;
      const authority = new CertificateAuthority();
      const { cert, key } = authority.forServer({ hosts, validUntil });
      // With the certificate of the authority: clients that do not trust it then report that it is self-signed.
      this.certificate = { cert: cert + authority.certificate, key };
      this.tls = { ca: authority.certificate, ...authority.forClient(), handshakeFirst };
    }
  }

  /** Whether clients need credentials. */
  get needsUser(): boolean {
    return this.users.size > 0 && this.noAuthUser === undefined;
  }

  /**
   * The options of a client's connection.
   *
   * @throws InvalidArgumentError if there is no such user, or none is named but needed
   */
  connection<Servers extends string | string[]>(
    servers: Servers,
    user: string | undefined,
  ): NatsTestConnectionOptions<Servers> {
    if (user === undefined && this.needsUser) {
      throw new InvalidArgumentError('user', `clients need a user. ${this.advice()}`);
    }
    const known = user === undefined ? undefined : this.find('user', user);
    return {
      servers,
      ...(known && { user: known.user, pass: known.password }),
      ...(this.tls && { tls: { ...this.tls } }),
    };
  }

  /** The options with which a client can connect: no credentials if it needs none, otherwise those of each user. */
  *credentials(): Generator<Omit<NatsTestConnectionOptions, 'servers'>> {
    if (!this.needsUser) yield this.connection('', undefined);
    else for (const user of this.users.keys()) yield this.connection('', user);
  }

  /** @throws InvalidArgumentError if there is no such user */
  find(argument: string, user: string): KnownUser {
    const known = this.users.get(user);
    if (known === undefined) {
      throw new InvalidArgumentError(argument, `there is no user ${shown(user)}. ${this.advice()}`);
    }
    return known;
  }

  /**
   * The part of the configuration of a server about its clients, with the certificates in files of a folder.
   *
   * @throws the error of the file system if a file cannot be written
   */
  async configIn(folder: string): Promise<Record<string, unknown>> {
    const { globalUsers, accounts, noAuthUser } = this;
    return {
      ...(globalUsers && { authorization: { users: globalUsers } }),
      ...(accounts && { accounts }),
      ...(noAuthUser !== undefined && { no_auth_user: noAuthUser }),
      ...(this.certificate &&
        this.tls && { tls: await this.tlsConfig(folder, this.certificate, this.tls.ca) }),
    };
  }

  private async tlsConfig(folder: string, { cert, key }: CertificateWithKey, ca: string): Promise<object> {
    const write = async (name: string, text: string): Promise<string> => {
      const file = join(folder, name);
      await writeFile(file, text, { mode: 0o600 });
      return file;
    };
    return {
      cert_file: await write('cert.pem', cert),
      key_file: await write('key.pem', key),
      ...(this.tlsOptions.verify === true && { ca_file: await write('ca.pem', ca), verify: true }),
      ...(this.tlsOptions.handshakeFirst === true && { handshake_first: true }),
    };
  }

  private userConfig({
    user,
    password = randomBytes(12).toString('hex'),
    permissions,
  }: NatsTestUser): object {
    if (this.users.has(user)) {
      const reason = `two users have the name ${shown(user)}. Use another name for one of them`;
      throw new InvalidArgumentError('users', reason);
    }
    this.users.set(user, { user, password });
    return { user, password, ...(permissions && { permissions: permissionsConfig(permissions) }) };
  }

  private accountConfig(account: NatsTestAccount, hasJetStream: boolean): object {
    const { users, limits, exports, imports, jetstream = hasJetStream } = account;
    return {
      ...(users && { users: users.map((user) => this.userConfig(user)) }),
      ...(jetstream !== false && { jetstream: jetStreamConfig(jetstream) }),
      ...(limits && {
        limits: given({
          max_connections: limits.maxConnections,
          max_subscriptions: limits.maxSubscriptions,
          max_payload: limits.maxPayload,
          max_leafnodes: limits.maxLeafNodes,
        }),
      }),
      ...(exports && { exports }),
      ...(imports && { imports }),
    };
  }

  private advice(): string {
    return this.users.size === 0
      ? 'The server was started without users'
      : `The users are ${[...this.users.keys()].join(', ')}`;
  }
}

function permissionsConfig({ publish, subscribe, allowResponses }: NatsTestPermissions): object {
  return given({ publish, subscribe, allow_responses: allowResponses });
}

function jetStreamConfig(jetstream: NonNullable<Exclude<NatsTestAccount['jetstream'], false>>): unknown {
  if (jetstream === true) return 'enabled';
  return given({
    max_mem: jetstream.maxMemory,
    max_file: jetstream.maxStorage,
    max_streams: jetstream.maxStreams,
    max_consumers: jetstream.maxConsumers,
  });
}
