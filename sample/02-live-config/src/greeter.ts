import { Injectable } from '@nestjs/common';
import { LiveSettings } from './live-settings.js';

/** Uses the settings as any provider would: it reads the current value at each call. */
@Injectable()
export class Greeter {
  constructor(private readonly settings: LiveSettings) {}

  greet(name: string): string {
    return `${this.settings.get('greeting')}, ${name}! You may ask ${this.settings.get('rateLimit')} times a second.`;
  }
}
