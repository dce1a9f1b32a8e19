/**
 * The header that carries the flow of a test from message to message; see `JetStreamTestKit`. Only a test kit adds it. It is
 * hidden from handlers, and is not part of the headers of a dead letter.
 */
export const FLOW_HEADER = 'JetStream-Test-Flow';
