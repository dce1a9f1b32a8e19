import { type Codec, type CodecSelector, createCodecSelector } from '../codecs/index.js';
import { type HandlerDefaults, type JsConsumerOptions, LocalHandlers } from '../consuming/index.js';
import { DeclaredResources, type JetStreamService, type Provisioning } from '../jetstream/index.js';
import type { KeyValueService } from '../key-value/index.js';
import type { ObjectStoreService } from '../object-store/index.js';
import type { TimeBudget } from '../timing/index.js';

/** What handlers need of one named connection. */
export class HandlerConnection {
  /** The handlers of consumers that run in this process. */
  readonly localHandlers = new LocalHandlers();
  /** What `forFeature` declares, and is created again if it is lost. */
  readonly declared: DeclaredResources;
  constructor(
    readonly name: string,
    readonly jetstream: JetStreamService,
    readonly keyValue: KeyValueService,
    readonly objectStore: ObjectStoreService,
    /** What the `Content-Type` of a message may name. */
    private readonly codecs: readonly Codec[],
    readonly defaults: HandlerDefaults,
    /** Options that handlers refer to by name. */
    readonly consumers: Readonly<Record<string, JsConsumerOptions>>,
    readonly provisioning: Provisioning,
    /** What all stages of the shutdown of the application may take together, as far as this connection is concerned. */
    readonly shutdown: TimeBudget,
  ) {
    this.declared = new DeclaredResources(jetstream);
  }

  /** Chooses the codec for a message: that of its `Content-Type`, else the stream's. */
  codecsOfStream(name: string): CodecSelector {
    return createCodecSelector(this.codecs, this.jetstream.codecs.ofStream(name));
  }

  /** As {@link codecsOfStream}, for messages of core NATS. */
  codecsOfSubject(subject: string): CodecSelector {
    return createCodecSelector(this.codecs, this.jetstream.codecs.ofSubject(subject));
  }
}
