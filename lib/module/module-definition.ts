import { ConfigurableModuleBuilder } from '@nestjs/common';
import { HandlersModule } from '../handlers/index.js';
import { connectionExports, connectionProviders } from './connection-providers.js';
import type { JetStreamModuleExtras, JetStreamModuleOptions } from './jetstream-module-options.interface.js';
import { JETSTREAM_MODULE_OPTIONS } from './options-token.js';
import { DEFAULT_CONNECTION } from './tokens.js';

const extras: JetStreamModuleExtras = { name: DEFAULT_CONNECTION, isGlobal: true };

export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<JetStreamModuleOptions>({ optionsInjectionToken: JETSTREAM_MODULE_OPTIONS })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createJetStreamOptions')
    .setExtras(extras, (definition, { name = DEFAULT_CONNECTION, isGlobal = true }) => ({
      ...definition,
      global: isGlobal,
      imports: [...(definition.imports ?? []), HandlersModule],
      providers: [...(definition.providers ?? []), ...connectionProviders(name)],
      exports: [...(definition.exports ?? []), ...connectionExports(name), HandlersModule],
    }))
    .build();
