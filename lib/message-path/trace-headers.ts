/** The header that asks servers to report what they do with a message. */
export const TRACE_DESTINATION = 'Nats-Trace-Dest';
/** With a destination, this header lets servers report a message without delivering or storing it. */
export const TRACE_ONLY = 'Nats-Trace-Only';
/** The oldest server that reports the path of messages. An older one ignores these headers, and delivers the message. */
export const OLDEST_REPORTING_SERVER = '2.11.0';
