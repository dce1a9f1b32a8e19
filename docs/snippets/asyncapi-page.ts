// #region imports
import { type CanActivate, type ExecutionContext, Injectable, Module } from '@nestjs/common';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { JetStreamAsyncApiModule } from 'nestjs-nats-jetstream/asyncapi';
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
    JetStreamModule.forRoot({ connection: { servers: 'nats://localhost:4222' } }),
    JetStreamAsyncApiModule.forRoot({
      info: { title: 'Billing', version: '1.0.0' },
      path: 'asyncapi',
      guards: [OperatorGuard],
      imports: [SessionsModule],
    }),
  ],
})
export class AppModule {}
// #endregion

interface Order {
  readonly id: number;
}

// #region try-it
export const page = JetStreamAsyncApiModule.forRoot({
  info: { title: 'Billing', version: '1.0.0' },
  access: ({ request }, action) => {
    const { user } = request as SignedIn;
    const role = action === 'read' || action === 'dry-run' ? 'reader' : 'operator';
    return { allowed: user?.roles.includes(role) ?? false, user: user?.name };
  },
  tryIt: {
    publish: true,
    dryRun: true,
    messages: true,
    // Only members that may be shown: the payload can be anything.
    mask: (payload) => ({ id: (payload as Partial<Order>).id, customer: '…' }),
  },
});
// #endregion

// #region async
@Injectable()
class Settings {
  readonly version: string = '1.0.0';
  readonly mayPublish: boolean = false;
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

export const configured = JetStreamAsyncApiModule.forRootAsync({
  path: 'asyncapi',
  guards: [OperatorGuard],
  imports: [SettingsModule, SessionsModule],
  inject: [Settings],
  useFactory: ({ version, mayPublish }: Settings) => ({
    info: { title: 'Billing', version },
    tryIt: { dryRun: true, publish: mayPublish },
  }),
});
// #endregion
