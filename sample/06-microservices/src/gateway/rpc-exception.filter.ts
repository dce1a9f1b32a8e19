import type { ServerResponse } from 'node:http';
import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';

/** Answers with the status that a service's error carries. */
@Catch(RpcException)
export class RpcExceptionFilter implements ExceptionFilter<RpcException> {
  catch(exception: RpcException, host: ArgumentsHost): void {
    const { status } = exception.getError() as { readonly status?: unknown };
    host
      .switchToHttp()
      .getResponse<ServerResponse>()
      .writeHead(typeof status === 'number' ? status : 502, { 'Content-Type': 'application/json' })
      .end(JSON.stringify({ message: exception.message }));
  }
}
