// #region imports
import { Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JetStreamModule, OnJetStreamEvent, type JetStreamEvent } from 'nestjs-nats-jetstream';
// #endregion

// #region closed
@Injectable()
export class ExitWhenClosed {
  private readonly logger = new Logger(ExitWhenClosed.name);

  @OnJetStreamEvent('closed')
  onClosed({ connection }: JetStreamEvent): void {
    this.logger.error(`Connection "${connection}" is closed permanently: the process ends`);
    // Runs the shutdown hooks; without a connection, the shutdown only waits for messages in flight.
    process.kill(process.pid, 'SIGTERM');
  }
}
// #endregion

// #region module
@Module({
  imports: [
    JetStreamModule.forRoot({
      connection: { servers: process.env.NATS_URL ?? 'localhost:4222' },
      provisioning: 'assert',
      bootTimeout: 60_000,
      shutdownTimeout: 20_000,
    }),
  ],
  providers: [ExitWhenClosed],
})
export class AppModule {}
// #endregion

// #region main
export async function bootstrap(): Promise<void> {
  const app = await NestFactory.create(AppModule);
  app.enableShutdownHooks();
  await app.listen(process.env.PORT ?? 3000);
}
// #endregion
