import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Handlers, JetStreamEvents } from '../consuming/index.js';
import { Schedules } from '../schedules/index.js';
import { JetStreamInstruments } from '../instruments/index.js';
import { HandlerBootstrap } from './handler-bootstrap.js';
import { HandlerStages } from './handler-stages.js';
import { JetStreamConnections } from './jetstream-connections.js';
import { TEST_SETTINGS } from './test-settings.js';

/** Starts and stops the handlers of an application: once, regardless of the number of connections. */
@Module({
  imports: [DiscoveryModule],
  providers: [
    HandlerBootstrap,
    Handlers,
    HandlerStages,
    JetStreamConnections,
    JetStreamEvents,
    JetStreamInstruments,
    Schedules,
    { provide: TEST_SETTINGS, useValue: null },
  ],
  exports: [
    Handlers,
    HandlerStages,
    JetStreamConnections,
    JetStreamEvents,
    JetStreamInstruments,
    Schedules,
    TEST_SETTINGS,
  ],
})
export class HandlersModule {}
