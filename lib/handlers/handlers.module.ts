import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Handlers, JetStreamEvents } from '../consuming/index.js';
import { HandlerBootstrap } from './handler-bootstrap.js';

/** Starts and stops the handlers of an application: once, regardless of the number of connections. */
@Module({
  imports: [DiscoveryModule],
  providers: [HandlerBootstrap, Handlers, JetStreamEvents],
  exports: [Handlers, JetStreamEvents],
})
export class HandlersModule {}
