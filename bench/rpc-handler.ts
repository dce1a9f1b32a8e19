import type { INestApplicationContext, Type } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer, type NestContainer } from '@nestjs/core';
import {
  GuardsConsumer,
  GuardsContextCreator,
  InterceptorsConsumer,
  InterceptorsContextCreator,
  PipesConsumer,
  PipesContextCreator,
} from '@nestjs/core/internal';
import { ExceptionFiltersContext } from '@nestjs/microservices/context/exception-filters-context.js';
import { RpcContextCreator } from '@nestjs/microservices/context/rpc-context-creator.js';
import { RpcProxy } from '@nestjs/microservices/context/rpc-proxy.js';
import type { Observable } from 'rxjs';

/** A provider's method behind Nest's own pipeline for microservices, as a user would wire it without this library. */
export function rpcHandler(
  app: INestApplicationContext,
  provider: Type,
  method: string,
): (data: unknown, context: unknown) => Promise<Observable<unknown>> {
  const container = Reflect.get(app, 'container') as NestContainer;
  const config = app.get(ApplicationConfig);
  const creator = new RpcContextCreator(
    new RpcProxy(),
    new ExceptionFiltersContext(container, config),
    new PipesContextCreator(container, config),
    new PipesConsumer(),
    new GuardsContextCreator(container, config),
    new GuardsConsumer(),
    new InterceptorsContextCreator(container, config),
    new InterceptorsConsumer(),
    config,
  );
  const instance = app.get<Record<string, (...args: unknown[]) => Observable<unknown>>>(provider);
  return creator.create(instance, instance[method], moduleKey(app, provider), method);
}

function moduleKey(app: INestApplicationContext, provider: Type): string {
  for (const [key, module] of app.get(ModulesContainer)) if (module.providers.has(provider)) return key;
  throw new Error(`${provider.name} is in no module`);
}
