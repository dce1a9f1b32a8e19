import type { DiscoveryService } from '@nestjs/core';
import type { JetStreamConnections } from '../../handlers/index.js';
import type { AccessDecision } from '../../pages/index.js';
import { errorStack, errorText } from '../../reporting/index.js';
import { within } from '../../timing/index.js';
import type { AsyncApiDocument } from '../document/index.js';
import type { AsyncApiAccessCheck } from './access.js';
import { TRY_IT_ACTIONS, type TryItAction, type TryItLimits } from './actions.js';
import { AuditLog } from './audit-log.js';
import { channelsOf, paramsOf, subjectOf, type TryItChannel, unknownParams } from './channels.js';
import { readInput, type TryItInput } from './input.js';
import { contractsOf } from './known-contracts.js';
import { carryOut } from './operations.js';
import { isPossible, problemOf } from './possible.js';
import { PayloadView } from './shown-payload.js';
import { RateLimit } from './rate-limit.js';
import { refusalOf, TryItRefusal } from './refusal.js';
import type { AsyncApiTryItOptions } from './try-it-options.js';

/** What {@link TryIt} needs of the application. */
export interface TryItSources {
  readonly options: AsyncApiTryItOptions;
  readonly document: () => Promise<AsyncApiDocument>;
  readonly discovery: DiscoveryService;
  readonly connections: JetStreamConnections;
  readonly access: AsyncApiAccessCheck;
}

/** A channel as the page shows it. */
interface ShownChannel {
  readonly channel: string;
  readonly address: string;
  readonly params: readonly string[];
  readonly summary?: string | undefined;
  readonly contentType: string;
  readonly example?: unknown;
  readonly actions: readonly TryItAction[];
}

/** The channels of a document. */
interface KnownChannels {
  readonly document: AsyncApiDocument;
  readonly channels: ReadonlyMap<string, TryItChannel>;
}

/** Carries out what callers try on the page: with channels of the document only, and after all checks. */
export class TryIt {
  private readonly audit = new AuditLog();
  private readonly limits: TryItLimits;
  private readonly rate: RateLimit;
  private readonly view: PayloadView;
  private known: KnownChannels | undefined;

  constructor(private readonly sources: TryItSources) {
    const {
      maxPayload = 65_536,
      maxMessages = 10,
      timeout = 5_000,
      maxPerMinute = 60,
      mask,
    } = sources.options;
    this.limits = { maxPayload, maxMessages, timeout };
    this.rate = new RateLimit(maxPerMinute);
    this.view = new PayloadView({ mask, largest: maxPayload });
  }

  /** The channels with the actions that a caller may try. */
  async describe(request: unknown): Promise<{ readonly channels: readonly ShownChannel[] }> {
    const decisions = await Promise.all(
      TRY_IT_ACTIONS.map(async (action) => {
        const isAllowed =
          this.isOn(action) && (await this.sources.access.decide({ request }, action)).allowed;
        return isAllowed ? [action] : [];
      }),
    );
    const allowed = decisions.flat();
    const channels = [...(await this.channels()).values()].map((channel): ShownChannel => ({
      channel: channel.key,
      address: channel.address,
      params: paramsOf(channel),
      summary: channel.summary,
      contentType: channel.contentType,
      example: channel.examples[0],
      actions: allowed.filter((action) => isPossible(action, channel)),
    }));
    return { channels: channels.filter(({ actions }) => actions.length > 0) };
  }

  /**
   * Carries out an action.
   *
   * @param body the parsed body of the request
   * @throws {@link TryItRefusal}
   */
  async act(name: string, body: unknown, request: unknown): Promise<unknown> {
    const action = TRY_IT_ACTIONS.find((each) => each === name);
    if (action === undefined || !this.isOn(action))
      throw new TryItRefusal(
        404,
        `There is no such action, or it is off. The actions are ${TRY_IT_ACTIONS.join(', ')}.`,
      );
    const input = readInput(body, this.limits.maxPayload);
    const target = await this.targetOf(action, input);
    const { subject, channel } = target;
    const decision = await this.sources.access.decide({ request, channel: input.channel, subject }, action);
    if (!decision.allowed) {
      const about = subject ?? input.channel;
      this.audit.refused(
        { action, channel: channel?.key, about, user: decision.user },
        'refused by the option access',
      );
      throw new TryItRefusal(403, `You may not use the action ${action} on this channel.`);
    }
    if (target.refusal !== undefined) throw target.refusal;
    const retryAfter = this.rate.admit();
    if (retryAfter > 0)
      throw new TryItRefusal(429, `Too many actions; retry in ${retryAfter} s.`, retryAfter);
    if (channel === undefined) throw new TryItRefusal(404, 'There is no such channel.');
    return this.run(action, { ...input, channel }, subject, decision);
  }

  private async run(
    action: TryItAction,
    input: Omit<TryItInput, 'channel'> & { readonly channel: TryItChannel },
    subject: string | undefined,
    decision: AccessDecision,
  ): Promise<unknown> {
    const { channel } = input;
    const about = { action, channel: channel.key, about: subject ?? channel.key, user: decision.user };
    try {
      const running = carryOut(action, input, this.limits, this.view);
      if (!(await within(this.limits.timeout + GRACE, running)))
        throw new TryItRefusal(504, 'The action has not ended in time. It may still be carried out.');
      const result = await running;
      this.audit.ended(about, 'done');
      return result;
    } catch (error) {
      this.audit.ended(about, `failed: ${errorText(error)}`);
      const refusal = refusalOf(error);
      if (refusal !== undefined) throw refusal;
      this.audit.failed(action, errorText(error), errorStack(error));
      throw new TryItRefusal(500, 'The action failed; see the log of the service.');
    }
  }

  /** The channel and the subject. A refusal is thrown later, so that callers without access learn nothing from it. */
  private async targetOf(
    action: TryItAction,
    { channel: key, params, hasPayload }: TryItInput,
  ): Promise<{
    readonly channel?: TryItChannel;
    readonly subject?: string | undefined;
    readonly refusal?: TryItRefusal | undefined;
  }> {
    const channel = (await this.channels()).get(key);
    if (channel === undefined)
      return {
        refusal: new TryItRefusal(
          404,
          'There is no such channel that can be tried. Send the key of the channel, as try-it.json lists it.',
        ),
      };
    const problem = unknownParams(channel, params) ?? problemOf(action, channel, hasPayload);
    if (problem !== undefined) return { channel, refusal: problem };
    // The last messages of a channel are those of all values of its parameters.
    if (action === 'messages') return { channel, subject: channel.contract.filter };
    try {
      return { channel, subject: subjectOf(channel, params) };
    } catch (error) {
      return { channel, refusal: refusalOf(error) ?? new TryItRefusal(400, 'The parameters are invalid.') };
    }
  }

  private async channels(): Promise<ReadonlyMap<string, TryItChannel>> {
    const document = await this.sources.document();
    if (this.known?.document !== document) {
      const { discovery, connections } = this.sources;
      const sources = { contracts: contractsOf(discovery), connections: connections.all() };
      this.known = { document, channels: channelsOf(document, sources) };
    }
    return this.known.channels;
  }

  private isOn(action: TryItAction): boolean {
    const { publish, request, dryRun, messages } = this.sources.options;
    return { publish, request, 'dry-run': dryRun, messages }[action] === true;
  }
}

/** How much longer than its own time limits an action may take, in milliseconds. */
const GRACE = 1_000;
