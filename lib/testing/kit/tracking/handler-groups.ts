import type { ObservedHandler } from '../../../instruments/index.js';
import { type StoredStreamConfig, subjectCovers, subjectsOverlap } from '../../../jetstream/index.js';

/** What is known about a stream on the server. */
export type StreamFacts = Pick<
  StoredStreamConfig,
  'subjects' | 'sources' | 'mirror' | 'maxMessagesPerSubject' | 'subjectTransform'
>;

/** Handlers that receive each message once, together: a handler alone, or those that share a consumer or a queue. */
export class HandlerGroup {
  readonly members: ObservedHandler[] = [];
  /** For each application of a member, whether it is closed. */
  readonly owners = new Set<() => boolean>();
  /** The last revision of each key that was delivered, if later changes replace earlier ones. */
  readonly delivered = new Map<string, number>();

  constructor(
    /** Unique among all groups. */
    readonly key: string,
    readonly kind: GroupKind,
  ) {}

  /** The handlers that may receive a subject, for messages of errors. */
  namesFor(subject: string): string {
    const fitting = this.members.filter((member) => receives(member, subject));
    const names = (fitting.length > 0 ? fitting : this.members).map(({ handler }) => handler);
    return [...new Set(names)].join(' or ');
  }

  /** Whether all applications of its members are closed. */
  get isGone(): boolean {
    return [...this.owners].every((isGone) => isGone());
  }

  /** Whether a message of this subject reaches the group. */
  receives(subject: string): boolean {
    if (this.isGone) return false;
    return this.members.some((member) => receives(member, subject));
  }

  get source(): string {
    return this.members[0]?.source ?? '';
  }

  get ignoresDeletes(): boolean {
    return this.members[0]?.ignoreDeletes === true;
  }
}

/** The origin of the messages of a group. */
export type GroupKind = 'stream' | 'core' | 'kv-watch' | 'object-watch';

/** The handlers of all tracked applications. */
export class HandlerGroups {
  private readonly groups = new Map<string, HandlerGroup>();
  private readonly streams = new Map<string, StreamFacts>();
  /** Handlers without a group have one of their own, in each application. */
  private alone = 0;

  get all(): readonly HandlerGroup[] {
    return [...this.groups.values()];
  }

  /** The names of all handlers. */
  get names(): readonly string[] {
    return [...new Set(this.all.flatMap(({ members }) => members.map(({ handler }) => handler)))];
  }

  /** Whether a handler may receive messages on a subject, which may have wildcards: any handler, or one with this name. */
  mayReceive(filter: string | undefined, handler?: string): boolean {
    return this.all.some(
      (group) =>
        !group.isGone &&
        group.members.some(
          (member) =>
            (handler === undefined || member.handler === handler) &&
            (filter === undefined || this.mayReach(group, member, filter)),
        ),
    );
  }

  /** The subjects of each handler, for messages of errors. */
  get receivedBy(): readonly { readonly handler: string; readonly subjects: string }[] {
    return this.all.flatMap(({ kind, members }) =>
      members.map(({ handler, patterns, source }) => {
        const all =
          kind === 'stream' ? `all subjects of the stream "${source}"` : `everything in "${source}"`;
        const subjects = patterns.length === 0 ? all : patterns.map((each) => `"${each}"`).join(', ');
        return { handler, subjects };
      }),
    );
  }

  /** Without patterns, a handler receives everything in its stream or bucket; what that is, is only known of a stream. */
  private mayReach({ kind }: HandlerGroup, { patterns, source }: ObservedHandler, filter: string): boolean {
    const overlaps = (subject: string): boolean => subjectsOverlap(subject, filter);
    if (patterns.length > 0) return patterns.some(overlaps);
    const facts = kind === 'stream' ? this.streams.get(source) : undefined;
    if (facts === undefined) return true;
    const { subjects = [], sources = [], mirror, subjectTransform } = facts;
    const hasOthers = sources.length > 0 || mirror !== undefined || subjectTransform !== undefined;
    return hasOthers || subjects.some(overlaps);
  }

  /** @param isGone whether the application of the handler is closed */
  add(handler: ObservedHandler, isGone: () => boolean): HandlerGroup {
    const kind = kindOf(handler);
    const { source, group } = handler;
    // All connections of the applications use the same account.
    const key = `${kind} ${source} ${group ?? `${handler.handler}#${this.alone++}`}`;
    let found = this.groups.get(key);
    if (found === undefined) this.groups.set(key, (found = new HandlerGroup(key, kind)));
    found.members.push(handler);
    found.owners.add(isGone);
    return found;
  }

  /** Adds the configuration of a stream that handlers consume. */
  describe(stream: string, facts: StreamFacts): void {
    this.streams.set(stream, facts);
  }

  /** Whether a message replaces the one before it on its subject, so that the earlier one may never be delivered. */
  replaces(group: HandlerGroup): boolean {
    if (group.kind === 'kv-watch' || group.kind === 'object-watch') return true;
    return group.kind === 'stream' && this.streams.get(group.source)?.maxMessagesPerSubject === 1;
  }

  /** The groups that receive a message, in the stream that stored it, and as a message of core NATS. */
  ofMessage(subject: string, stream: string | undefined): readonly HandlerGroup[] {
    return this.all.filter((group) => {
      if (!group.receives(subject)) return false;
      if (group.kind === 'core') return true;
      return group.kind === 'stream' && this.isStoredIn(group.source, subject, stream);
    });
  }

  /** The groups that receive a message of one stream which is not published to its own subject, such as a dead letter. */
  ofStream(stream: string, subject: string): readonly HandlerGroup[] {
    return this.all.filter(
      (group) => group.kind === 'stream' && group.source === stream && group.receives(subject),
    );
  }

  /** The watches that receive a change of a key or object. */
  ofChange(
    kind: 'kv-watch' | 'object-watch',
    bucket: string,
    subject: string,
    isDeletion: boolean,
  ): readonly HandlerGroup[] {
    return this.all.filter(
      (group) =>
        group.kind === kind &&
        group.source === bucket &&
        !(isDeletion && group.ignoresDeletes) &&
        group.receives(subject),
    );
  }

  /** @param origin the stream that stored the message; `undefined` if it is not known */
  private isStoredIn(stream: string, subject: string, origin: string | undefined): boolean {
    const facts = this.streams.get(stream);
    // The subject under which it is stored is not known, so it belongs to the flow once it is delivered.
    if (facts?.subjectTransform !== undefined) return false;
    if (stream === origin) return true;
    if (facts === undefined) return false;
    if (origin === undefined) return facts.subjects?.some((each) => subjectCovers(each, subject)) === true;
    const sources = [...(facts.sources ?? []), ...(facts.mirror ? [facts.mirror] : [])];
    return sources.some(({ name, filterSubject, subjectTransforms = [] }) => {
      if (name !== origin || subjectTransforms.length > 0) return false;
      return filterSubject === undefined || filterSubject === '' || subjectCovers(filterSubject, subject);
    });
  }
}

function receives({ patterns }: ObservedHandler, subject: string): boolean {
  return patterns.length === 0 || patterns.some((pattern) => subjectCovers(pattern, subject));
}

function kindOf({ form, source, consumer, patterns }: ObservedHandler): GroupKind {
  switch (form) {
    case 'kv-watch':
    case 'object-watch':
      return form;
    case 'subscription':
      return 'core';
    case 'event':
    case 'request':
      // The source of a pattern of core NATS is its subject.
      return consumer === undefined && patterns.length === 1 && patterns[0] === source ? 'core' : 'stream';
    default:
      return 'stream';
  }
}
