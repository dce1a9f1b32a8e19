import { Logger } from '@nestjs/common';
import { propertyOf } from '../reporting/index.js';
import { type Expected, UserCalls } from '../user-code/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { HandlerObserver } from './handler-observer.js';
import type {
  HandlerInstrument,
  JetStreamInstrument,
  ObservedHandler,
  ObservedOperation,
  OperationInstrument,
} from './instrument.js';
import { isObject } from '../validation/index.js';
import { isInstrument } from './instruments-rule.js';

const HANDLER_INSTRUMENT: Expected<HandlerInstrument> = {
  is: (value) => isObject(value),
  what: 'an object with methods, or undefined',
};
const OPERATION_INSTRUMENT: Expected<OperationInstrument> = {
  is: (value) => isObject(value),
  what: 'an object with methods, or undefined',
};

/** The instruments of one application. It can be injected; see {@link JetStreamInstrument}. */
export class JetStreamInstruments {
  /** @internal Changes when instruments have to be asked again about their operations. */
  revision = 0;
  /** @internal Calls instruments, and logs their errors. */
  readonly calls = new UserCalls(new Logger('Instruments'));
  private readonly registered = new Set<JetStreamInstrument>();
  private sealed = false;

  /**
   * Registers an instrument; the same instrument is registered once.
   *
   * @throws {@link InvalidArgumentError} if it is not an instrument, or the application has already started
   */
  register(instrument: JetStreamInstrument): void {
    if (!isInstrument(instrument))
      throw new InvalidArgumentError('instrument', 'it must be an object with a method handler or operation');
    if (this.sealed) {
      throw new InvalidArgumentError(
        'instrument',
        'the application has already started; register it in the constructor of a provider, or by forRoot({ instruments })',
      );
    }
    this.registered.add(instrument);
  }

  /** @internal Whether an instrument is registered. */
  has(instrument: JetStreamInstrument): boolean {
    return this.registered.has(instrument);
  }

  /** @internal The instruments that are registered. */
  list(): readonly JetStreamInstrument[] {
    return [...this.registered];
  }

  /** @internal The instruments of a server or client that does not belong to an application. */
  static of(instruments: readonly JetStreamInstrument[]): JetStreamInstruments {
    const registry = new JetStreamInstruments();
    for (const instrument of instruments) registry.register(instrument);
    registry.seal();
    return registry;
  }

  /** @internal Called when the application has created its providers: all instruments are registered. */
  seal(): void {
    if (this.sealed) return;
    this.sealed = true;
    this.revision++;
  }

  /** @internal The observer of a handler; `undefined` if no instrument is interested. */
  handler(handler: ObservedHandler): HandlerObserver | undefined {
    const interested: HandlerInstrument[] = [];
    for (const instrument of this.registered) {
      const ask = (): unknown => instrument.handler?.(handler);
      const answer = this.calls.answer(`${nameOf(instrument)}.handler`, ask, HANDLER_INSTRUMENT);
      if (answer !== undefined) interested.push(answer);
    }
    return interested.length === 0 ? undefined : new HandlerObserver(handler.handler, interested, this.calls);
  }

  /** @internal The instruments that are interested in a kind of operation. */
  operation(operation: ObservedOperation): readonly OperationInstrument[] {
    const interested: OperationInstrument[] = [];
    for (const instrument of this.registered) {
      const ask = (): unknown => instrument.operation?.(operation);
      const answer = this.calls.answer(`${nameOf(instrument)}.operation`, ask, OPERATION_INSTRUMENT);
      if (answer !== undefined) interested.push(answer);
    }
    return interested;
  }
}

function nameOf(instrument: JetStreamInstrument): string {
  const name = propertyOf(propertyOf(instrument, 'constructor'), 'name');
  return typeof name !== 'string' || name === '' || name === 'Object' ? 'An instrument' : name;
}
