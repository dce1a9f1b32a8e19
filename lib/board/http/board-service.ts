import { type AccessCheck, ownProperty } from '../../pages/index.js';
import { isObject } from '../../validation/index.js';
import type { BoardData, BoardFile, BoardSource } from '../data/index.js';
import type { BoardActionName, BoardEvent, SessionView } from '../model/index.js';
import type { BoardAccessContext, BoardAction } from './access.js';
import type { Audit, AuditedAction } from './audit.js';
import type { BoardEvents } from './board-events.js';
import { callerName } from './caller-name.js';
import { BOARD_VIEWS, changeOf, isAction, isDownload, isView } from './names.js';
import { BoardRefusal } from './refusal.js';

/** The caller of a request. */
export interface BoardCaller {
  readonly request: unknown;
  /** Is aborted when the caller leaves. */
  readonly signal: AbortSignal;
}

/** What {@link BoardService} uses. */
export interface BoardParts {
  readonly source: BoardSource;
  readonly data: BoardData;
  readonly access: AccessCheck<BoardAccessContext, BoardAction>;
  readonly events: BoardEvents;
  readonly audit: Audit;
}

/** How a board is set. */
export interface BoardSettings {
  readonly title: string;
  readonly readOnly: boolean;
  /** Whether payloads are masked, so that they cannot be downloaded. */
  readonly isMasked: boolean;
}

type Query = Readonly<Record<string, string>>;

const FORBIDDEN = 'You have no access to this.';

/** Does what callers ask for, after it has checked in each call whether the caller may. */
export class BoardService {
  constructor(
    private readonly parts: BoardParts,
    private readonly settings: BoardSettings,
  ) {}

  /** Whether a caller may read the board. Never rejects. */
  async mayRead(request: unknown): Promise<boolean> {
    return (await this.parts.access.decide({ request }, 'read')).allowed;
  }

  /** @throws {@link BoardRefusal} if the caller may not read the board */
  async requireRead(request: unknown): Promise<void> {
    if (!(await this.mayRead(request))) throw new BoardRefusal(403, FORBIDDEN);
  }

  /** @throws {@link BoardRefusal}, and the errors of the data */
  async view(name: string, query: Query, { request, signal }: BoardCaller): Promise<unknown> {
    const { access, data, events } = this.parts;
    if (!isView(name)) {
      await this.requireRead(request);
      throw new BoardRefusal(404, `There is no such view. The views are ${BOARD_VIEWS.join(', ')}.`);
    }
    const { allowed } = await access.decide({ request, name, input: query }, 'read');
    if (!allowed) throw new BoardRefusal(403, FORBIDDEN);
    if (name !== 'session' && name !== 'events') return data.view(name, query, signal);
    if (Object.keys(query).length > 0)
      throw new BoardRefusal(400, `The view ${name} has no parameters.`, 'InvalidArgumentError');
    return name === 'session'
      ? this.session(request)
      : { rows: events.list() satisfies readonly BoardEvent[] };
  }

  /** @throws {@link BoardRefusal}, and the errors of the data */
  async act(name: string, input: unknown, { request, signal }: BoardCaller): Promise<unknown> {
    const { access, audit, data } = this.parts;
    if (!isAction(name)) {
      await this.requireRead(request);
      throw new BoardRefusal(404, 'There is no such action.');
    }
    if (!isObject(input)) {
      await this.requireRead(request);
      throw new BoardRefusal(
        400,
        'The body is not a JSON object, or the application does not parse JSON bodies.',
        'InvalidArgumentError',
      );
    }
    const { allowed, user } = await access.decide({ request, input }, name);
    const audited = this.audited(name, input, callerName(request, user));
    if (!allowed) {
      audit.refused(audited, 'refused by the option access');
      throw new BoardRefusal(403, `You may not use the action ${name}.`);
    }
    if (this.settings.readOnly && !(await this.isReading(name, input, signal))) {
      audit.refused(audited, 'the board is read-only');
      throw new BoardRefusal(403, 'The board is read-only, and this changes something (option readOnly).');
    }
    return this.carryOut(audited, () => data.act(name, input, { by: audited.by, signal }));
  }

  /** @throws {@link BoardRefusal}, and the errors of the data */
  async download(name: string, query: Query, { request, signal }: BoardCaller): Promise<BoardFile> {
    const { access, audit, data } = this.parts;
    if (!isDownload(name)) {
      await this.requireRead(request);
      throw new BoardRefusal(404, 'There is no such file.');
    }
    const { allowed, user } = await access.decide({ request, name, input: query }, 'download');
    const audited = this.audited('download', query, callerName(request, user));
    if (!allowed) {
      audit.refused(audited, 'refused by the option access');
      throw new BoardRefusal(403, 'You may not download payloads.');
    }
    if (this.settings.isMasked) {
      audit.refused(audited, 'payloads are masked');
      throw new BoardRefusal(
        403,
        'Payloads are masked (option payloads.mask), so they cannot be downloaded.',
      );
    }
    return this.carryOut(audited, () => data.download(name, query, signal));
  }

  /** The actions that the caller may use, so that the page offers no others. */
  private async session(request: unknown): Promise<SessionView> {
    const { access, data, source } = this.parts;
    const { title, readOnly, isMasked } = this.settings;
    const may = async (action: BoardAction): Promise<boolean> =>
      (await access.decide({ request }, action)).allowed;
    const possible = data.possibleActions().filter((action) => !readOnly || changeOf(action) !== 'something');
    const [download, ...allowed] = await Promise.all([may('download'), ...possible.map(may)]);
    const { service } = source;
    return {
      title,
      readOnly,
      actions: possible.filter((_, i) => allowed[i]),
      views: BOARD_VIEWS.filter((view) => view !== 'schedules' || source.schedules !== undefined),
      download: download && !isMasked,
      connections: source.connections.map(({ connection: { name, hasLink, serverVersion } }) => ({
        name,
        connected: hasLink,
        ...(hasLink && { server: serverVersion }),
      })),
      // The service of an application also has its instrument, which is not data.
      ...(service !== undefined && { service: { name: service.name, id: service.id } }),
    };
  }

  /** Whether an action only reads. Jobs that search only read, and so may be stopped, continued and removed. */
  private async isReading(name: BoardActionName, input: object, signal: AbortSignal): Promise<boolean> {
    const change = changeOf(name);
    if (change !== 'job') return change === 'nothing';
    const [id, connection] = [ownProperty(input, 'id'), ownProperty(input, 'connection')];
    if (typeof id !== 'string' || (connection !== undefined && typeof connection !== 'string')) return false;
    const query = { id, ...(connection !== undefined && { connection }) };
    return (await this.parts.data.view('job', query, signal)).kind === 'search';
  }

  private async carryOut<Result>(audited: AuditedAction, act: () => Promise<Result>): Promise<Result> {
    const { audit } = this.parts;
    try {
      const result = await act();
      audit.done(audited);
      return result;
    } catch (error) {
      audit.failed(audited, error);
      throw error;
    }
  }

  private audited(action: BoardAction, input: unknown, by: string | undefined): AuditedAction {
    const names = this.parts.source.connections.map(({ connection }) => connection.name);
    const named = ownProperty(input, 'connection');
    const connection = names.find((name) => name === named) ?? names[0] ?? 'default';
    return { action, connection, input, by };
  }
}
