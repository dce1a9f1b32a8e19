import type { AsyncApiDocument } from 'nestjs-nats-jetstream/asyncapi';

interface Payload {
  required: string[];
  properties: Record<string, unknown>;
}

/** The document of a former version, in which an order had no customer. */
export function withoutCustomer(document: AsyncApiDocument): unknown {
  const older = structuredClone(document);
  const payload = older.components.messages['orders.id.placed']?.payload as unknown as Payload;
  payload.required = payload.required.filter((name) => name !== 'customer');
  delete payload.properties.customer;
  return older;
}
