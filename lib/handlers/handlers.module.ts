import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { JetStreamEvents } from './events/index.js';
import { HandlerBootstrap } from './handler-bootstrap.js';
import { Handlers } from './handlers.service.js';

/** Starts and stops the handlers of an application: once, however many connections it has. */
@Module({
  imports: [DiscoveryModule],
  providers: [HandlerBootstrap, Handlers, JetStreamEvents],
  exports: [Handlers, JetStreamEvents],
})
export class HandlersModule {}
