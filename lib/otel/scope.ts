/** The name of tracer and meter: the instrumentation scope. */
export const SCOPE = 'nestjs-nats-jetstream';
