export type {
  ConsumerDefinition,
  EventDefinition,
  KvWatchDefinition,
  ObjectWatchDefinition,
  RoutedMethod,
  SubscribeDefinition,
} from './handler-definition.js';
export { Findings, HandlerExplorer, reportLost } from './handler-explorer.js';
