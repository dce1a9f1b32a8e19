import { Catch, type ArgumentsHost } from '@nestjs/common';
import { BaseRpcExceptionFilter } from '@nestjs/microservices';
import { throwError, type Observable } from 'rxjs';
import { JetStreamEventContext } from './context/index.js';

/**
 * Hands what handlers of streams throw to settlement as it is: so that what a `ValidationPipe` refuses becomes a dead
 * letter at once, and logs and dead letters name the error. Without it Nest's own filter makes `Internal server error`
 * of all but `RpcException`s, `RetryMessage`, `TerminateMessage` and `InvalidPayloadError`, and such a message is
 * handled again, as its `retry` says.
 *
 * For all other requests it does what Nest's own does. Register it for the whole microservice; filters of classes and
 * methods still come first.
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
