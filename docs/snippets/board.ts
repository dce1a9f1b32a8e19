// #region imports
import { type CanActivate, type ExecutionContext, Injectable, Module } from '@nestjs/common';
import { JetStreamModule, OnJetStreamEvent, type JetStreamEvent } from 'nestjs-nats-jetstream';
import {
  type BoardMaskedMessage,
  type BoardMaskResult,
  JetStreamBoardModule,
} from 'nestjs-nats-jetstream/board';
// #endregion

@Injectable()
class Sessions {
  isOperator(_token: string | undefined): boolean {
    return false;
  }
}

@Module({ providers: [Sessions], exports: [Sessions] })
class SessionsModule {}

interface SignedIn {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly user?: { readonly name: string; readonly roles: readonly string[] };
}

// #region guard
@Injectable()
class OperatorGuard implements CanActivate {
  constructor(private readonly sessions: Sessions) {}

  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<SignedIn>();
    return this.sessions.isOperator(headers.authorization);
  }
}
// #endregion

// #region module
@Module({
  imports: [
    JetStreamModule.forRoot({
      connection: { servers: 'nats://localhost:4222' },
      discovery: { name: 'billing', version: '1.0.0', control: true },
    }),
    JetStreamBoardModule.forRoot({
      path: 'internal/board',
      guards: [OperatorGuard],
      imports: [SessionsModule],
      readOnly: false,
    }),
  ],
})
export class AppModule {}
// #endregion

// #region access
const CAUTIOUS = new Set(['read', 'search', 'pause-handler', 'resume-handler', 'replay']);

export const board = JetStreamBoardModule.forRoot({
  readOnly: false,
  access: ({ request }, action) => {
    const { user } = request as SignedIn;
    const role = CAUTIOUS.has(action) ? 'support' : 'operator';
    return { allowed: user?.roles.includes(role) ?? false, user: user?.name };
  },
});
// #endregion

// #region async
@Injectable()
class Settings {
  readonly mayChange: boolean = false;
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

export const configured = JetStreamBoardModule.forRootAsync({
  path: 'internal/board',
  guards: [OperatorGuard],
  imports: [SettingsModule, SessionsModule],
  inject: [Settings],
  useFactory: ({ mayChange }: Settings) => ({ readOnly: !mayChange }),
});
// #endregion

// #region audit
@Injectable()
export class BoardAudit {
  readonly actions: string[] = [];

  @OnJetStreamEvent('board-action')
  onAction(event: JetStreamEvent): void {
    if (event.type !== 'board-action') return;
    this.actions.push(`${event.by ?? 'unknown'}: ${event.action} ${event.target}: ${event.outcome}`);
  }
}
// #endregion

// #region mask
export function withoutCard({ error, payload }: BoardMaskedMessage): BoardMaskResult {
  return { payload: orderOf(payload), error: error?.replaceAll(/\d{12,}/g, '***') };
}

/** Only what is known to be harmless: the payload can be anything. */
function orderOf(payload: unknown): object | undefined {
  if (typeof payload !== 'object' || payload === null || !('id' in payload)) return undefined;
  return { id: payload.id, card: '***' };
}

export const masked = JetStreamBoardModule.forRoot({
  guards: [OperatorGuard],
  payloads: { mask: withoutCard },
});
// #endregion
