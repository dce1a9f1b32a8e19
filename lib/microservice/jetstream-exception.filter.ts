import { Catch, type ArgumentsHost } from '@nestjs/common';
import { BaseRpcExceptionFilter } from '@nestjs/microservices';
import { throwError, type Observable } from 'rxjs';
import { JetStreamEventContext } from './context/index.js';

/**
 * Passes errors of stream handlers to settlement unchanged, so that a payload rejected by a `ValidationPipe` becomes a
 * dead letter at once, and logs and dead letters name the error. Without this filter, Nest's own filter replaces all
 * errors except `RpcException`, `RetryMessage`, `TerminateMessage` and `InvalidPayloadError` by
 * `Internal server error`, and the message is handled again according to its `retry` option.
 *
 * For all other requests it behaves like Nest's own filter. Register it for the whole microservice; filters of classes
 * and methods still take precedence.
 *
 * @example
 * ```ts
 * app.useGlobalFilters(new JetStreamExceptionFilter());
 * ```
 */
@Catch()
export class JetStreamExceptionFilter extends BaseRpcExceptionFilter {
  override catch(exception: unknown, host: ArgumentsHost): Observable<never> {
    const context = host.switchToRpc().getContext<unknown>();
    if (context instanceof JetStreamEventContext) return throwError(() => exception);
    return super.catch(exception, host) as Observable<never>;
  }
}
