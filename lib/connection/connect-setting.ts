import { Logger } from '@nestjs/common';

/** The environment variable that keeps all connections of this library in a process closed, with the value `false`. */
const VARIABLE = 'JETSTREAM_CONNECT';

/**
 * Whether the environment forbids to connect, as the command does that writes documents. The options of an application
 * do not have to be changed for it.
 *
 * @param name the name of the connection, for the log
 */
export function mayNotConnect(name: string): boolean {
  if (process.env[VARIABLE]?.trim().toLowerCase() !== 'false') return false;
  new Logger('NatsConnection').log(`Connection "${name}": not opened, because ${VARIABLE} is "false"`);
  return true;
}
