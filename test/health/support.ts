import type { ModuleMetadata, Type } from '@nestjs/common';
import type { JetStreamFeatureOptions, JetStreamModuleOptions } from 'nestjs-nats-jetstream';
import { JetStreamHealth, JetStreamHealthModule } from 'nestjs-nats-jetstream/health';
import type { NodeConnectionOptions } from 'nestjs-nats-jetstream/nats';
import { startApplication, type TestApplication } from '../support/application.js';

export interface HealthApplication extends TestApplication {
  readonly health: JetStreamHealth;
}

/** An application with health checks. */
export async function startHealthy(
  url: string | string[],
  {
    imports = [],
    ...rest
  }: ModuleMetadata & {
    readonly connection?: NodeConnectionOptions;
    readonly options?: Omit<JetStreamModuleOptions, 'connection'>;
    readonly feature?: JetStreamFeatureOptions;
    readonly providers?: Type[];
  },
): Promise<HealthApplication> {
  const application = await startApplication(url, { ...rest, imports: [...imports, JetStreamHealthModule] });
  return { ...application, health: application.app.get(JetStreamHealth) };
}
