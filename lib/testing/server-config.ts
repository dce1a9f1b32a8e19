/** nats-server configuration: the text of a configuration file, or the same as an object. */
export type NatsServerConfig = string | Readonly<Record<string, unknown>>;

/** Converts configuration to nats-server's format, in which values can be JSON. */
export function toConfigText(config: NatsServerConfig = ''): string {
  if (typeof config === 'string') {
    return `${config}\n`;
  }
  return Object.entries(config)
    .map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}\n`)
    .join('');
}
