/** A kind of handler of the tested service, with its subject `work.<form>`. */
export interface FormOfHandler {
  /** How many messages it gets, relative to the others. */
  readonly weight: number;
  /** Whether its messages have an id, so that the stream stores each one once. */
  readonly hasId: boolean;
  /** Whether its durable consumer is shared by all services, so that each message is handled by one of them. */
  readonly isShared: boolean;
}

/** The forms of handlers; the index of a form identifies it in a record. A shared form has a durable consumer of its name. */
export const FORMS = {
  sync: { weight: 24, hasId: false, isShared: true },
  async: { weight: 12, hasId: false, isShared: true },
  batch: { weight: 8, hasId: false, isShared: true },
  cumulative: { weight: 4, hasId: true, isShared: true },
  keyed: { weight: 4, hasId: true, isShared: true },
  push: { weight: 2, hasId: false, isShared: true },
  ephemeral: { weight: 2, hasId: false, isShared: false },
  ordered: { weight: 2, hasId: false, isShared: false },
  idempotent: { weight: 1, hasId: true, isShared: true },
  forward: { weight: 1, hasId: true, isShared: true },
  /** Handles the results of `forward`. */
  forwarded: { weight: 0, hasId: false, isShared: true },
  event: { weight: 2, hasId: false, isShared: true },
  /** Its messages are durable requests of the services. */
  request: { weight: 0, hasId: false, isShared: true },
} as const satisfies Readonly<Record<string, FormOfHandler>>;

export type Form = keyof typeof FORMS;

export const FORM_NAMES = Object.keys(FORMS) as Form[];

/** The forms that a publisher sends to, each as often as its weight. */
export const PUBLISHED: readonly Form[] = interleaved();

/** The form of a durable consumer; consumers without a name of their own belong to `ephemeral`. */
export function formOfConsumer(consumer: string): Form {
  return FORM_NAMES.find((form) => form === consumer && FORMS[form].isShared) ?? 'ephemeral';
}

/** The number of keys whose messages `keyed` handles in order. */
const KEYS = 16;

/** The key by which `keyed` orders its messages. */
export function orderKeyOf(id: number): string {
  return String(id % KEYS);
}

/** The key for which `idempotent` runs once: two messages have the same one. */
export function effectKeyOf(id: number): number {
  return id >> 1;
}

/** Each form as often as its weight, and evenly distributed. */
function interleaved(): Form[] {
  const places = FORM_NAMES.flatMap((form) => {
    const { weight } = FORMS[form];
    return Array.from({ length: weight }, (_, i) => ({ form, at: (i + 0.5) / weight }));
  });
  return places.toSorted((a, b) => a.at - b.at).map(({ form }) => form);
}
