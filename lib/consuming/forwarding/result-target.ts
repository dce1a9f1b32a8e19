import type { Codec } from '../../codecs/index.js';
import type { MessagePublisher } from '../../contracts/index.js';
import { InvalidArgumentError } from '../../errors/index.js';
import type { JetStreamMessage, JetStreamService, PublishHeaders } from '../../jetstream/index.js';
import { wrongType } from '../../user-code/index.js';
import type { PublishToMetadata } from './publish-to-options.interface.js';
import { compileTemplate, templateFilter } from './subject-template.js';

/** Publishes the results of one handler to one target. */
export class ResultTarget {
  /** A filter for the subjects of the results; `undefined` if a function chooses the subject. */
  readonly filter: string | undefined;
  private readonly subjectOf: (result: unknown, message: JetStreamMessage) => string;
  private readonly headersOf: (result: unknown, message: JetStreamMessage) => PublishHeaders | undefined;
  private readonly codec: Codec | undefined;

  constructor(
    { subject, contract, paramsOf, options }: PublishToMetadata,
    /** The connection to publish on. */
    readonly jetstream: JetStreamService,
    /** Publishes the results if they are messages of a contract. */
    private readonly publisher?: MessagePublisher,
  ) {
    const { headers } = options;
    if (contract !== undefined) {
      this.subjectOf = (result, message) => {
        const params: unknown = paramsOf === undefined ? {} : paramsOf(result as never, message);
        if (!isRecord(params)) throw refusal('parameters', params, 'an object of parameters');
        return contract.subject(params as Parameters<typeof contract.subject>[0]);
      };
      this.filter = contract.filter;
    } else if (typeof subject === 'string') {
      const fill = compileTemplate(subject);
      this.subjectOf = (_, message) => fill(message.subject);
      this.filter = templateFilter(subject);
    } else {
      this.subjectOf = subject as typeof this.subjectOf;
    }
    this.headersOf = typeof headers === 'function' ? (headers as typeof this.headersOf) : () => headers;
    this.codec = options.codec;
  }

  /** Publishes a result of a message; resolves when a stream has stored it. */
  async publish(result: unknown, message: JetStreamMessage, messageId: string): Promise<void> {
    const subject: unknown = this.subjectOf(result, message);
    if (typeof subject !== 'string') throw refusal('subject', subject, 'a string');
    const headers: unknown = this.headersOf(result, message);
    if (headers !== undefined && !isRecord(headers))
      throw refusal('headers', headers, 'an object of headers');
    const options = { messageId, headers: headers as PublishHeaders | undefined };
    if (this.publisher) return this.publisher.publishTo(subject, result, options);
    await this.jetstream.publish(subject, result, { ...options, codec: this.codec });
  }
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && wrongType(value) === 'an object';
}

function refusal(what: string, value: unknown, wanted: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `${what} of @PublishTo`,
    `its function returned ${wrongType(value)}; it must return ${wanted}`,
  );
}
