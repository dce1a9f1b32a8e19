import { Controller, Get, Inject, Res, type Type, VERSION_NEUTRAL } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { JetStreamMetrics } from './jetstream-metrics.js';

/** Creates the controller that serves the registry at a path, on any HTTP platform of Nest. */
export function metricsController(path: string): Type {
  @Controller({ path, version: VERSION_NEUTRAL })
  class JetStreamMetricsController {
    constructor(
      @Inject(JetStreamMetrics) private readonly metrics: JetStreamMetrics,
      @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    ) {}

    // The response is sent here, because interceptors of the application would change what is returned.
    @Get()
    async scrape(@Res() response: unknown): Promise<void> {
      const { registry } = this.metrics;
      const text = await registry.metrics();
      const { httpAdapter } = this.host;
      httpAdapter.setHeader(response, 'Content-Type', registry.contentType);
      httpAdapter.reply(response, text, 200);
    }
  }
  return JetStreamMetricsController;
}
