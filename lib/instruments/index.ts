export { FLOW_HEADER } from './flow-header.js';
export { HandlerObserver } from './handler-observer.js';
export type {
  CallResult,
  HandlerForm,
  HandlerInstrument,
  JetStreamInstrument,
  ObservedCall,
  ObservedDelivery,
  ObservedHandler,
  ObservedHeaders,
  ObservedMessage,
  ObservedMetadata,
  ObservedOperation,
  OperationInstrument,
  OperationKind,
} from './instrument.js';
export { instrumentsRule } from './instruments-rule.js';
export { JetStreamInstruments } from './instruments.js';
export { OperationObserver, RunningOperation } from './operation-observer.js';
export { type Ending, type Outcome, OUTCOMES } from './outcome.js';
