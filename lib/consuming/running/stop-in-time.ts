import { Logger } from '@nestjs/common';
import { errorText } from '../../reporting/index.js';
import { within } from '../../timing/index.js';
import type { HandlerRunner } from './handler-runner.js';

/** The extra time that a stopped handler gets to return the messages it holds, in milliseconds. */
const MOMENT = 100;

const logger = new Logger('Handlers');

/** Stops a handler at shutdown; a handler that does not stop in time is abandoned. Never rejects. */
export async function stopInTime(runner: HandlerRunner, timeout: number): Promise<void> {
  const stopped = runner.stop(timeout).catch((error: unknown) => {
    logger.error(`${runner.state.handler} failed to stop: ${errorText(error)}`);
  });
  await within(timeout + MOMENT, stopped);
}
