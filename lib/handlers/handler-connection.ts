import { type Codec, type CodecSelector, createCodecSelector, mediaType } from '../codecs/index.js';
import {
  type HandlerDefaults,
  type JsConsumerOptions,
  LocalHandlers,
  type SummaryResource,
} from '../consuming/index.js';
import { type MessageContract, MessagePublisher } from '../contracts/index.js';
import { unconnected } from '../connection/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import {
  DeclaredResources,
  JetStreamService,
  opensConnection,
  type Provisioning,
} from '../jetstream/index.js';
import { KeyValueService } from '../key-value/index.js';
import { ObjectStoreService } from '../object-store/index.js';
import { Requests } from '../requests/index.js';
import type { ScheduleDefaults } from '../schedules/index.js';
import type { TimeBudget } from '../timing/index.js';

/** How the handlers of a connection are run. */
interface ConnectionSettings {
  /** Whether a test kit runs the application on a single server. */
  readonly isOnTestServer?: boolean | undefined;
  /** Whether handlers start with the application. */
  readonly autoStart?: boolean | undefined;
  /** Whether the startup is summarized in the log, and whether the account is part of it. */
  readonly bootSummary?: boolean | 'account' | undefined;
  /** The application and the stream of its schedules. */
  readonly schedules?: ScheduleDefaults | undefined;
}

/** The services of one named connection that handlers use. */
export class HandlerConnection {
  /** The handlers with consumers that run in this process. */
  readonly localHandlers = new LocalHandlers();
  /** The resources that `forFeature` declares. They are created again if they are lost. */
  readonly declared: DeclaredResources;
  readonly isOnTestServer: boolean;
  readonly autoStart: boolean;
  readonly bootSummary: boolean | 'account';
  readonly schedules: ScheduleDefaults;
  /** The service that the application injects: with `connect: 'lazy'`, its calls open the connection. */
  readonly injected: JetStreamService;
  /** The declared streams and buckets, with the outcome of the startup for each. */
  readonly provisioned: SummaryResource[] = [];

  constructor(
    readonly name: string,
    readonly jetstream: JetStreamService,
    readonly keyValue: KeyValueService,
    readonly objectStore: ObjectStoreService,
    /** The codecs that the `Content-Type` of a message can select. */
    private readonly codecs: readonly Codec[],
    readonly defaults: HandlerDefaults,
    /** Consumer options that handlers refer to by name. */
    readonly consumers: Readonly<Record<string, JsConsumerOptions>>,
    readonly provisioning: Provisioning,
    /** The time that all stages of the application shutdown may take together on this connection. */
    readonly shutdown: TimeBudget,
    { isOnTestServer = false, autoStart = true, bootSummary = true, schedules = {} }: ConnectionSettings = {},
  ) {
    this.declared = new DeclaredResources(jetstream);
    this.injected = opensConnection(jetstream);
    this.isOnTestServer = isOnTestServer;
    this.autoStart = autoStart;
    this.bootSummary = bootSummary;
    this.schedules = schedules;
  }

  /** The same connection without its server, so that nothing that is planned with it asks the server. */
  withoutServer(): HandlerConnection {
    const connection = unconnected(this.name, {});
    const { options, declarations } = this.jetstream;
    const jetstream = new JetStreamService(connection, new Requests(connection), options, { declarations });
    return new HandlerConnection(
      this.name,
      jetstream,
      new KeyValueService(jetstream),
      new ObjectStoreService(jetstream),
      this.codecs,
      this.defaults,
      this.consumers,
      this.provisioning,
      this.shutdown,
      this,
    );
  }

  /** Selects the codec of a message: the one of its `Content-Type`, otherwise the stream's. */
  codecsOfStream(name: string): CodecSelector {
    return createCodecSelector(this.codecs, this.jetstream.declarations.codecOfStream(name));
  }

  /** Like {@link codecsOfStream}, for messages of core NATS. */
  codecsOfSubject(subject: string): CodecSelector {
    return createCodecSelector(this.codecs, this.jetstream.declarations.codecOfSubject(subject));
  }

  /**
   * Creates a publisher for the messages of a contract.
   *
   * @throws {@link InvalidArgumentError} if no codec has the media type of the contract
   */
  publisherOf(contract: MessageContract): MessagePublisher {
    return new MessagePublisher(contract, this.injected, this.codecOfContract(contract));
  }

  private codecOfContract({ name, contentType }: MessageContract): Codec | undefined {
    if (contentType === undefined) return undefined;
    const available = [...this.codecs, this.jetstream.declarations.fallback];
    const codec = available.find((each) => mediaType(each.contentType) === mediaType(contentType));
    if (codec !== undefined) return codec;
    throw new InvalidArgumentError(
      'contentType',
      `there is no codec for "${contentType}", the media type of the message "${name}", on connection "${this.name}". ` +
        'Add one to the option codecs of JetStreamModule.forRoot',
    );
  }
}
