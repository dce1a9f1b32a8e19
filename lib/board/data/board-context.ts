import { InvalidArgumentError } from '../../errors/index.js';
import type { JetStreamService } from '../../jetstream/index.js';
import { shown } from '../../reporting/index.js';
import type { BoardSource } from './board-source.js';
import type { Payloads } from './payloads/index.js';

/** The parts that all views and actions use. */
export class BoardContext {
  constructor(
    readonly source: BoardSource,
    readonly payloads: Payloads,
  ) {}

  /**
   * The connection of a query or input: by default the first one.
   *
   * @throws {@link InvalidArgumentError} if there is no such connection, or it is not open
   */
  jetstream(name: string | undefined): JetStreamService {
    const { connections } = this.source;
    const found =
      name === undefined ? connections[0] : connections.find(({ connection }) => connection.name === name);
    if (found !== undefined) return found;
    const wanted =
      name === undefined ? 'no connection is open' : `${shown(name)} is not the name of an open connection`;
    const names = connections.map(({ connection }) => JSON.stringify(connection.name)).join(', ');
    throw new InvalidArgumentError(
      'connection',
      connections.length === 0 ? wanted : `${wanted}; open are ${names}`,
    );
  }
}
