import type { HandlerState } from '../../../consuming/index.js';
import type { HandlerForm } from '../../../instruments/index.js';
import { errorText } from '../../../reporting/index.js';
import type { BoardSource } from '../board-source.js';
import type { GatheredHandler, GatheredInstance } from './gathered.js';

/** The id of the application that serves the board, without the option `discovery`. */
const LOCAL_ID = 'this process';

/** A service that this process is. */
export interface OwnService {
  readonly connection: string;
  readonly name: string;
  readonly id: string;
}

/** The application that serves the board, as one instance among others. */
export class OwnProcess {
  constructor(private readonly source: BoardSource) {}

  /** At most one for each connection: each may have the option `discovery`. */
  get services(): readonly OwnService[] {
    return this.source.connections.flatMap(({ connection: { name: connection } }) => {
      const service = this.source.instances(connection).service;
      return service === undefined ? [] : [{ connection, name: service.name, id: service.id }];
    });
  }

  /** Its id outside of services. */
  get id(): string {
    return this.services[0]?.id ?? LOCAL_ID;
  }

  isSelf(id: string): boolean {
    return id === this.id || this.services.some((service) => service.id === id);
  }

  /**
   * The handlers of a connection that no answer contains: all of them without the option `discovery` there, or if the
   * service could not be asked. The handlers of connections that are not open, or belong to a microservice, are on every
   * connection.
   *
   * @param answers those of this process
   */
  handlersBeside(connection: string, answers: readonly GatheredInstance[]): GatheredInstance[] {
    const open = new Set(this.source.connections.map((each) => each.connection.name));
    const known = new Set(answers.flatMap(({ handlers }) => handlers.map(({ report }) => placeOf(report))));
    const rest = (this.source.handlers?.list() ?? [])
      .filter((state) => state.connection === connection || !open.has(state.connection))
      .map((state) => handlerOf(state))
      .filter(({ report }) => !known.has(placeOf(report)));
    const service = this.services.find((each) => each.connection === connection);
    if (service === undefined) return instancesWith({ service: undefined, id: this.id, handlers: rest });
    // The commands of other clients reach only the handlers of its connection.
    const { name, id } = service;
    const isReached = ({ report }: GatheredHandler): boolean => report.connection === connection;
    return [
      ...instancesWith({ service: name, id, handlers: rest.filter(isReached) }),
      ...instancesWith({ service: undefined, id, handlers: rest.filter((each) => !isReached(each)) }),
    ];
  }
}

function instancesWith(instance: Omit<GatheredInstance, 'isSelf'>): GatheredInstance[] {
  return instance.handlers.length === 0 ? [] : [{ ...instance, isSelf: true }];
}

function placeOf({ connection, controlName, source }: GatheredHandler['report']): string {
  return JSON.stringify([controlName, connection, source]);
}

/** A handler, as this process sees it: without the figures that only the option `discovery` counts. */
function handlerOf(state: HandlerState): GatheredHandler {
  const { circuitOpen, connected, connection, consumer, error, failed, handled, handler } = state;
  const { oldest, running, source, status, statusAge, waiting } = state;
  return {
    report: {
      handler,
      controlName: handler,
      form: formOf(state),
      connection,
      source,
      consumer: consumer === '' ? undefined : consumer,
      status,
      statusAge,
      connected,
      inFlight: running,
      buffered: waiting,
      oldest,
      circuitOpen,
    },
    requests: handled,
    errors: failed,
    lastError: error === undefined ? '' : errorText(error),
    processingTime: 0,
    outcomes: undefined,
  };
}

function formOf({ delivery, kind }: HandlerState): HandlerForm {
  return kind === 'consumer' && (delivery === 'ordered' || delivery === 'push') ? delivery : kind;
}
