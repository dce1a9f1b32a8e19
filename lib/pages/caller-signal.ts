import type { ServerResponse } from 'node:http';
import { nodeResponse } from './page-response.js';

/** Is aborted when the caller closes the connection before it has the whole response, so that work for it can end. */
export class CallerSignal {
  private readonly controller = new AbortController();
  private readonly response: ServerResponse;

  constructor(response: unknown) {
    this.response = nodeResponse(response);
    if (this.response.destroyed) this.leave();
    else this.response.once('close', this.leave);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Whether the caller has left. */
  get hasLeft(): boolean {
    return this.signal.aborted;
  }

  /** The response was sent. */
  end(): void {
    this.response.off('close', this.leave);
  }

  private readonly leave = (): void => {
    if (!this.response.writableFinished)
      this.controller.abort(new Error('the caller has closed the connection'));
  };
}
