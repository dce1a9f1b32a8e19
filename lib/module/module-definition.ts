import { ConfigurableModuleBuilder, forwardRef, Module, type DynamicModule } from '@nestjs/common';
import { handlersAreStarted, HandlersModule, uniteMetadata } from '../handlers/index.js';
import { connectionExports, connectionProviders } from './connection-providers.js';
import type { JetStreamModuleExtras, JetStreamModuleOptions } from './jetstream-module-options.interface.js';
import { JETSTREAM_MODULE_OPTIONS, OPTIONS_METHOD } from './options-token.js';
import { DEFAULT_CONNECTION, getFeatureConnectionToken } from './tokens.js';

/** Nest calls this when it scans the modules of an application, before it scans their classes. */
const handlersModule = forwardRef(() => {
  uniteMetadata();
  return HandlersModule;
});

const extras: JetStreamModuleExtras = { name: DEFAULT_CONNECTION, isGlobal: true };

/** Holds the connection of a module that is not global. */
@Module({})
class ConnectionModule {}

/** Makes a connection available to `forFeature` if its module is not global. */
@Module({})
class FeatureConnectionModule {}

export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<JetStreamModuleOptions>({ optionsInjectionToken: JETSTREAM_MODULE_OPTIONS })
    .setClassMethodName('forRoot')
    .setFactoryMethodName(OPTIONS_METHOD)
    .setExtras(extras, (definition, { name = DEFAULT_CONNECTION, isGlobal = true }) => {
      handlersAreStarted();
      const connection: DynamicModule = {
        ...definition,
        imports: [...(definition.imports ?? []), handlersModule],
        providers: [...(definition.providers ?? []), ...connectionProviders(name)],
        exports: [...(definition.exports ?? []), ...connectionExports(name), HandlersModule],
      };
      return isGlobal ? globally(connection, name) : locally(connection, name);
    })
    .build();

/** Makes the services of the connection injectable everywhere. */
function globally(connection: DynamicModule, name: string): DynamicModule {
  const token = getFeatureConnectionToken(name);
  return {
    ...connection,
    global: true,
    providers: [...(connection.providers ?? []), forFeature(name)],
    exports: [...(connection.exports ?? []), token],
  };
}

/** Makes the services of the connection injectable in modules that import it; `forFeature` finds it everywhere. */
function locally(definition: DynamicModule, name: string): DynamicModule {
  const connection = { ...definition, module: ConnectionModule };
  const feature: DynamicModule = {
    module: FeatureConnectionModule,
    global: true,
    imports: [connection],
    providers: [forFeature(name)],
    exports: [getFeatureConnectionToken(name)],
  };
  return { module: definition.module, imports: [connection, feature], exports: [connection] };
}

function forFeature(name: string): { provide: string; useExisting: string } {
  return { provide: getFeatureConnectionToken(name), useExisting: `HandlerConnection:${name}` };
}
