import { Injectable, Logger } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { InjectKeyValue, type KeyValue, KvContext, KvWatch } from 'nestjs-nats-jetstream';
import { DEFAULTS, type Settings } from './settings.js';

/** The current settings. A change in the bucket, by any client, arrives here within milliseconds. */
@Injectable()
export class LiveSettings {
  private readonly logger = new Logger(LiveSettings.name);
  private current: Settings = DEFAULTS;

  constructor(@InjectKeyValue('settings') private readonly bucket: KeyValue<Settings[keyof Settings]>) {}

  get<K extends keyof Settings>(key: K): Settings[K] {
    return this.current[key];
  }

  /** Changes a setting for every instance of the application. */
  async set<K extends keyof Settings>(key: K, value: Settings[K]): Promise<void> {
    await this.bucket.put(key, value);
  }

  /** Resets the setting to its default. */
  async reset(key: keyof Settings): Promise<void> {
    await this.bucket.delete(key);
  }

  @KvWatch('settings')
  onChange(@Payload() value: unknown, @Ctx() { key, initial }: KvContext): void {
    if (!isSetting(key)) return;
    this.current = { ...this.current, [key]: value ?? DEFAULTS[key] };
    this.logger.log(`${key} ${initial ? 'is' : 'becomes'} ${JSON.stringify(this.current[key])}`);
  }
}

function isSetting(key: string): key is keyof Settings {
  return key in DEFAULTS;
}
