import { Injectable, Logger, Module, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  InjectKeyValue,
  JetStreamModule,
  KeyExistsError,
  KeyValueService,
  KvContext,
  KvWatch,
  LockNotObtainedError,
  RevisionMismatchError,
  type CachedKeyValue,
  type Codec,
  type KeyValue,
  type LeaderElection,
} from 'nestjs-nats-jetstream';

interface Profile {
  readonly name: string;
  readonly color: string;
}

// #region declare
@Module({
  imports: [JetStreamModule.forFeature({ keyValues: [{ bucket: 'profiles', history: 5 }] })],
  providers: [],
})
export class ProfilesModule {}
// #endregion

// #region inject
@Injectable()
export class Profiles {
  constructor(@InjectKeyValue('profiles') private readonly profiles: KeyValue<Profile>) {}

  async paint(name: string, color: string): Promise<number> {
    return this.profiles.put(name, { name, color });
  }

  async colorOf(name: string): Promise<string | undefined> {
    const entry = await this.profiles.get(name);
    return entry?.value.color;
  }
}
// #endregion

@Injectable()
export class Examples {
  private readonly logger = new Logger(Examples.name);

  constructor(
    private readonly keyValues: KeyValueService,
    @InjectKeyValue('profiles') private readonly profiles: KeyValue<Profile>,
    @InjectKeyValue('counters') private readonly counters: KeyValue<number>,
  ) {}

  async buckets(): Promise<void> {
    const { keyValues } = this;
    // #region buckets
    const sessions = await keyValues.create<{ user: string }>({
      bucket: 'sessions',
      ttl: 8 * 3_600_000,
      storage: 'memory',
      limitMarkerTtl: 60_000,
    });
    await keyValues.createOrUpdate({ bucket: 'profiles', history: 10 });
    const profiles = await keyValues.open<Profile>('profiles');
    for await (const { bucket, values, bytes } of keyValues.list()) console.log(bucket, values, bytes);
    await keyValues.delete('sessions');
    // #endregion
    this.logger.log(`${sessions.bucket} ${profiles.bucket}`);
  }

  async entry(): Promise<void> {
    const { profiles, logger } = this;
    // #region entry
    const entry = await profiles.get('sue');
    if (entry) {
      const { value, revision, created } = entry;
      logger.log(`${value.name} is ${value.color} since ${created.toISOString()}, revision ${revision}`);
    }
    const before = await profiles.get('sue', { revision: 17 });
    const newest = await profiles.get('sue', { consistent: true });
    const required = await profiles.getOrThrow('sue');
    // #endregion
    logger.log(`${before?.text()} ${newest?.text()} ${required.text()}`);
  }

  async conditions(profile: Profile): Promise<void> {
    const { profiles } = this;
    // #region conditions
    try {
      const revision = await profiles.create(profile.name, profile);
      await profiles.update(profile.name, { ...profile, color: 'red' }, revision);
    } catch (error) {
      if (error instanceof KeyExistsError) return; // the name is already taken
      if (error instanceof RevisionMismatchError) return; // another client has changed it since
      throw error;
    }
    // #endregion
  }

  async remove(): Promise<void> {
    const { profiles } = this;
    // #region remove
    await profiles.delete('sue'); // marked as deleted, the history stays
    await profiles.purge('joe'); // marked as deleted, the history goes
    await profiles.purgeDeletes({ olderThan: 24 * 3_600_000 }); // the marks themselves
    // #endregion
  }

  async modify(): Promise<void> {
    const { counters } = this;
    // #region modify
    const { value } = await counters.modify('visits', (visits = 0) => visits + 1);
    // #endregion
    this.logger.log(value);
  }

  async list(): Promise<void> {
    const { profiles, logger } = this;
    // #region list
    for await (const key of profiles.keys('staff.*')) logger.log(key);
    for (const { revision, operation, value } of await profiles.history('staff.sue')) {
      logger.log(`${revision}: ${operation} ${value?.color ?? ''}`);
    }
    // #endregion
  }

  async watch(): Promise<void> {
    const { profiles, logger } = this;
    // #region watch
    for await (const entry of await profiles.watch('staff.*')) {
      const when = entry.initial ? 'is' : 'became';
      if (entry.operation === 'PUT') logger.log(`${entry.key} ${when} ${entry.value.color}`);
      else logger.log(`${entry.key} is gone`);
    }
    // #endregion
  }

  async codec(): Promise<void> {
    const { keyValues } = this;
    // #region codec
    const words: Codec<string[]> = {
      contentType: 'text/plain',
      encode: (value) => new TextEncoder().encode(value.join(' ')),
      decode: (data) => new TextDecoder().decode(data).split(' '),
    };
    const sentences = await keyValues.open<string[]>('sentences', { codec: words });
    await sentences.put('first', ['In', 'the', 'beginning']);
    // #endregion
  }

  async bytes(thumbnail: Uint8Array): Promise<void> {
    const { profiles } = this;
    // #region bytes
    await profiles.put('sue.thumbnail', thumbnail);
    const bytes = (await profiles.get('sue.thumbnail'))?.bytes;
    // #endregion
    this.logger.log(bytes?.length);
  }

  async lock(locks: KeyValue, report: (signal: AbortSignal) => Promise<void>): Promise<void> {
    // #region lock
    try {
      await using lock = await locks.lock('nightly-report', { ttl: 30_000, wait: 0 });
      await report(lock.signal);
    } catch (error) {
      if (!(error instanceof LockNotObtainedError)) throw error;
      this.logger.log(`${error.holder} makes the report already`);
    }
    // #endregion
  }
}

// #region watch-handler
@Injectable()
export class Board {
  private readonly colors = new Map<string, string>();

  @KvWatch('profiles', { keys: 'staff.*' })
  onProfile(@Payload() profile: Profile | null, @Ctx() { key }: KvContext): void {
    if (profile) this.colors.set(key, profile.color);
    else this.colors.delete(key);
  }
}
// #endregion

// #region cached
@Injectable()
export class Flags implements OnModuleInit {
  private cached!: CachedKeyValue<boolean>;

  constructor(@InjectKeyValue('flags') private readonly flags: KeyValue<boolean>) {}

  // Handlers and HTTP requests start later, so they always find the copy.
  async onModuleInit(): Promise<void> {
    this.cached = await this.flags.cached();
  }

  isOn(flag: string): boolean {
    return this.cached.get(flag)?.value ?? false;
  }

  async set(flag: string, on: boolean): Promise<void> {
    const revision = await this.flags.put(flag, on);
    await this.cached.waitForRevision(revision);
  }
}
// #endregion

// #region election
@Injectable()
export class Scheduler implements OnApplicationBootstrap {
  private election: LeaderElection | undefined;

  constructor(@InjectKeyValue('locks') private readonly locks: KeyValue) {}

  onApplicationBootstrap(): void {
    this.election = this.locks.elect('scheduler', {
      ttl: 10_000,
      onElected: ({ signal }) => this.schedule(signal),
    });
  }

  get isLeader(): boolean {
    return this.election?.isLeader ?? false;
  }

  private schedule(signal: AbortSignal): void {
    const timer = setInterval(() => this.run(), 60_000);
    signal.addEventListener('abort', () => clearInterval(timer));
  }

  private run(): void {
    if (!this.isLeader) return;
    // …
  }
}
// #endregion
