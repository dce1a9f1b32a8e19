import { type CallTable, deferred, direct, listing, waiting } from '../connection/index.js';
import type { JetStreamApi } from './api/index.js';
import type { JetStreamService } from './jetstream.service.js';
import type { OutgoingMessage, PubAckFuture, PublishOptions } from './publishing/index.js';
import type { Stream } from './streams/index.js';

/** How the methods of a declared stream behave before its connection is open. */
export const STREAM_CALLS: CallTable<Stream> = {
  info: waiting(0),
  purge: waiting(0),
  getMessage: waiting(1),
  getLastMessage: waiting(1),
  getMessages: listing(0),
  getLastMessages: listing(1),
  deleteMessage: waiting(1),
  secureDeleteMessage: waiting(1),
  createConsumer: waiting(1),
  updateConsumer: waiting(1),
  createOrUpdateConsumer: waiting(1),
  consumer: waiting(1),
  createPushConsumer: waiting(1),
  updatePushConsumer: waiting(1),
  createOrUpdatePushConsumer: waiting(1),
  pushConsumer: waiting(1),
  orderedConsumer: waiting(1),
  deleteConsumer: waiting(1),
  pauseConsumer: waiting(2),
  resumeConsumer: waiting(1),
  unpinConsumer: waiting(2),
  resetConsumer: waiting(1),
  listConsumers: listing(0),
  consumerNames: listing(0),
};

const SERVICE_CALLS: CallTable<JetStreamService> = {
  starting: direct,
  rtt: waiting(0),
  publishUnchanged: waiting(2),
  // It cannot wait; publishers of messages of core NATS open the connection before.
  sendToSubscribers: direct,
  accountInfo: waiting(0),
  createStream: waiting(1),
  updateStream: waiting(1),
  createOrUpdateStream: waiting(1),
  stream: waiting(1),
  deleteStream: waiting(1),
  listStreams: listing(0),
  streamNames: listing(0),
  streamNameBySubject: waiting(1),
  createConsumer: waiting(2),
  updateConsumer: waiting(2),
  createOrUpdateConsumer: waiting(2),
  consumer: waiting(2),
  createPushConsumer: waiting(2),
  updatePushConsumer: waiting(2),
  createOrUpdatePushConsumer: waiting(2),
  pushConsumer: waiting(2),
  orderedConsumer: waiting(2),
  deleteConsumer: waiting(2),
  pauseConsumer: waiting(3),
  resumeConsumer: waiting(2),
  unpinConsumer: waiting(3),
  resetConsumer: waiting(2),
  listConsumers: listing(1),
  consumerNames: listing(1),
  publish: waiting(2),
  publishMessage: waiting(1),
  // They return at once; see below.
  publishAsync: direct,
  publishMessageAsync: direct,
  publishWhenOpen: direct,
  publishAsyncReady: direct,
  publishAsyncComplete: direct,
  publishBatch: waiting(1),
  ingest: waiting(1),
  increment: waiting(2),
  counter: waiting(1),
  closePublishing: direct,
};

const API_CALLS: CallTable<JetStreamApi> = {
  call: waiting(2),
  flush: waiting(),
  pages: listing(3),
};

/**
 * The service for injection: the calls of a connection with `connect: 'lazy'` open it. This library itself uses the service
 * as it is, because its own work happens after the connection was opened.
 */
export function opensConnection(service: JetStreamService): JetStreamService {
  const { connection } = service;
  if (!connection.isLazy) return service;
  const { facade } = deferred(service, connection, SERVICE_CALLS);
  const api = deferred(service.api, connection, API_CALLS).facade;
  const publishMessageAsync = (message: OutgoingMessage, options?: PublishOptions): PubAckFuture =>
    connection.isReady
      ? service.publishMessageAsync(message, options)
      : service.publishWhenOpen(message, options);
  const publishAsync = (subject: string, data?: unknown, options?: PublishOptions): PubAckFuture =>
    connection.isReady
      ? service.publishAsync(subject, data, options)
      : service.publishWhenOpen({ subject, data }, options);
  for (const [name, value] of Object.entries({ api, publishAsync, publishMessageAsync }))
    Object.defineProperty(facade, name, { value, configurable: true, writable: true });
  return facade;
}
