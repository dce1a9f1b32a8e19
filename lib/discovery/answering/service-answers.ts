import { SERVICE_TYPES, type ServiceIdentity, type ServiceVerb } from '../service-messages.js';
import type { Endpoint } from './service-endpoints.js';

/** The service as a whole. */
export interface DescribedService {
  readonly identity: ServiceIdentity;
  readonly description: string;
  readonly startedAt: Date;
  /** The present endpoints. */
  endpoints(): readonly Endpoint[];
}

/**
 * The answer to a request, as JSON.
 *
 * @param brief leaves out the state of handlers, if the answer would be too large
 */
export function answerTo(verb: ServiceVerb, service: DescribedService, brief = false): string {
  const common = { type: SERVICE_TYPES[verb], ...service.identity };
  if (verb === 'PING') return JSON.stringify(common);
  const endpoints = service.endpoints();
  if (verb === 'INFO') {
    return JSON.stringify({
      ...common,
      description: service.description,
      endpoints: endpoints.map(({ name, subject, queueGroup, metadata }) => ({
        name,
        subject,
        queue_group: queueGroup,
        metadata: brief ? {} : metadata,
      })),
    });
  }
  return JSON.stringify({
    ...common,
    started: service.startedAt.toISOString(),
    endpoints: endpoints.map(({ name, subject, queueGroup, counters, report }) => ({
      name,
      subject,
      queue_group: queueGroup,
      num_requests: counters.requests,
      num_errors: counters.errors,
      last_error: brief ? '' : counters.lastError,
      processing_time: counters.processingTime,
      average_processing_time: counters.averageProcessingTime,
      ...(brief ? {} : { data: report }),
    })),
  });
}
