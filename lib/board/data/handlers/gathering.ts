import type { ServiceInstances } from '../../../discovery/index.js';
import { PermissionDeniedError } from '../../../errors/index.js';
import type { JetStreamService } from '../../../jetstream/index.js';
import { isInstance, toError } from '../../../reporting/index.js';
import { Timer, untilAborted } from '../../../timing/index.js';
import type { BoardSource } from '../board-source.js';
import { type Gathered, type GatheredInstance, instanceOf } from './gathered.js';
import { OwnProcess } from './own-process.js';

/**
 * How long answers of instances are awaited, in milliseconds. The event stream reads the handlers every two seconds: an
 * instance whose answer takes longer is missing once, and delays no other figures. Without further answers, the wait ends
 * after a quarter of it.
 */
const TIMEOUT = 1_000;
/** How long a result is used again, in milliseconds. */
const FRESH = 500;

type Answers = ServiceInstances & Pick<Gathered, 'failure'>;

/** Asks the instances for their figures: once at a time for all readers of a connection, and only while someone reads. */
export class Gathering {
  private readonly results = new Map<string, Promise<Gathered>>();
  private readonly own: OwnProcess;

  constructor(private readonly source: BoardSource) {
    this.own = new OwnProcess(source);
  }

  /**
   * The figures of all instances on a connection, at most 500 ms old.
   *
   * @param signal ends the wait of this caller; others may wait for the same answers
   * @throws the errors of `JetStreamInstances.listAll`, except that a missing permission or link is the `failure`
   */
  of({ connection }: JetStreamService, signal: AbortSignal): Promise<Gathered> {
    return untilAborted(signal, this.shared(connection));
  }

  private shared(connection: JetStreamService['connection']): Promise<Gathered> {
    const { name } = connection;
    const shared = this.results.get(name);
    if (shared !== undefined) return shared;
    const result = this.gather(connection);
    this.results.set(name, result);
    const forget = (): void => void this.results.delete(name);
    // Nothing is kept in memory after the last reader has left.
    result.then(() => new Timer(FRESH, forget, { keepsAlive: false }), forget);
    return result;
  }

  private async gather(connection: JetStreamService['connection']): Promise<Gathered> {
    const time = new Date();
    const { failure, instances: services, skipped } = await this.answers(connection);
    const answered = services.map((service) => instanceOf(service, this.own.isSelf(service.id)));
    return {
      time,
      services,
      instances: [...answered, ...this.beside(connection.name, answered)],
      skipped,
      failure,
    };
  }

  private beside(connection: string, answered: readonly GatheredInstance[]): readonly GatheredInstance[] {
    return this.own.handlersBeside(
      connection,
      answered.filter(({ isSelf }) => isSelf),
    );
  }

  private async answers({ hasLink, name }: JetStreamService['connection']): Promise<Answers> {
    try {
      return { ...(await this.source.instances(name).listAll({ timeout: TIMEOUT })), failure: undefined };
    } catch (error) {
      // The board shows what it can also in a fault, and to an application that may not ask others.
      if (hasLink && !isInstance(error, PermissionDeniedError)) throw error;
      return { instances: [], skipped: 0, failure: toError(error) };
    }
  }
}
