import type { JetStreamEvent } from '../../consuming/index.js';
import { errorText } from '../../reporting/index.js';
import type { BoardEvent } from '../model/index.js';

/** An event as the page shows it. */
export function shownEvent(event: JetStreamEvent): BoardEvent {
  const by = 'by' in event ? event.by : undefined;
  return {
    time: event.time.toISOString(),
    type: event.type === 'board-action' ? 'action' : event.type,
    connection: event.connection,
    ...('handler' in event && { handler: event.handler }),
    ...('source' in event && { source: event.source }),
    ...(by !== undefined && { by }),
    text: textOf(event),
  };
}

function textOf(event: JetStreamEvent): string {
  switch (event.type) {
    case 'board-action': {
      const { action, target, outcome, reason } = event;
      const about = target === '' ? '' : ` (${target})`;
      return `${action}${about}: ${outcome}${reason === undefined ? '' : `: ${reason}`}`;
    }
    case 'handler-controlled':
      return `received the command to ${event.action} it`;
    case 'resource-recreated':
      return `${event.resource} "${event.name}" was created again, without its content`;
    default:
      return 'error' in event && event.error !== undefined ? errorText(event.error) : '';
  }
}
