import type { Type } from '@nestjs/common';
import { MetadataScanner, type DiscoveryService } from '@nestjs/core';
import { handlerName, type HandlerMethod, type InstanceWrapper } from '../compile/index.js';
import { getClassHandler, getHandlers, getMisplacedHandlers, getRoutes } from '../decorators/index.js';
import { getPublishTargets } from '../forwarding/index.js';
import type { ConfigurationProblem } from './handler-configuration.error.js';
import type {
  ConsumerDefinition,
  EventDefinition,
  KvWatchDefinition,
  ObjectWatchDefinition,
  RoutedMethod,
  SubscribeDefinition,
} from './handler-definition.js';

/** What was found in an application: its handlers, and decorators where none can be. */
export class Findings {
  readonly consumers: ConsumerDefinition[] = [];
  readonly kvWatches: KvWatchDefinition[] = [];
  readonly objectWatches: ObjectWatchDefinition[] = [];
  readonly subscriptions: SubscribeDefinition[] = [];
  readonly events: EventDefinition[] = [];
  readonly problems: ConfigurationProblem[] = [];
}

/** Finds the decorated methods of all providers and controllers of an application. */
export class HandlerExplorer {
  private readonly scanner = new MetadataScanner();

  constructor(private readonly discovery: DiscoveryService) {}

  explore(): Findings {
    const findings = new Findings();
    const seen = new Set<unknown>();
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const target = classOf(wrapper);
      // An alias, or a second token for the same object, is the same handler.
      if (!target || wrapper.isAlias || seen.has(wrapper.instance ?? wrapper)) continue;
      seen.add(wrapper.instance ?? wrapper);
      const methods = this.methodsOf(wrapper, target);
      for (const method of methods) {
        collectHandlers(method, findings);
        if (publishesNothing(method)) {
          findings.problems.push({
            handler: handlerName(method),
            problem:
              '@PublishTo publishes the results of handlers of messages: decorate the method with @JsConsumer or @JsHandler',
          });
        }
      }
      collectRoutes(target, methods, findings);
      for (const method of getMisplacedHandlers(target)) {
        findings.problems.push({
          handler: `${target.name}.${method}`,
          problem:
            'a handler cannot be a static method: no provider stands behind it; make it an instance method',
        });
      }
    }
    return findings;
  }

  private methodsOf(wrapper: InstanceWrapper, target: Type): HandlerMethod[] {
    const prototype = target.prototype as Record<string, unknown>;
    return this.scanner.getAllMethodNames(prototype).flatMap((method) => {
      const callback = prototype[method];
      return typeof callback === 'function'
        ? [{ target, method, callback: callback as HandlerMethod['callback'], wrapper }]
        : [];
    });
  }
}

function collectHandlers(method: HandlerMethod, findings: Findings): void {
  for (const metadata of getHandlers(method.callback)) {
    switch (metadata.kind) {
      case 'consumer':
        findings.consumers.push({
          name: `${method.target.name}.${method.method}`,
          options: metadata.options,
          deadLetters: metadata.deadLetters,
          methods: [{ ...method, patterns: [] }],
        });
        break;
      case 'kv-watch':
        findings.kvWatches.push({ ...method, metadata });
        break;
      case 'object-watch':
        findings.objectWatches.push({ ...method, metadata });
        break;
      case 'subscribe':
        findings.subscriptions.push({ ...method, metadata });
        break;
      case 'event':
        findings.events.push({ ...method, metadata });
        break;
    }
  }
}

/** Whether results are to be published of a method that handles no messages of a stream. */
function publishesNothing({ callback }: HandlerMethod): boolean {
  if (getPublishTargets(callback).length === 0 || getRoutes(callback).length > 0) return false;
  return !getHandlers(callback).some(({ kind }) => kind === 'consumer');
}

/** The consumer that a class's methods share. */
function collectRoutes(target: Type, methods: readonly HandlerMethod[], findings: Findings): void {
  const options = getClassHandler(target);
  const [first, ...rest] = methods.flatMap((method): RoutedMethod[] => {
    const patterns = getRoutes(method.callback);
    return patterns.length > 0 ? [{ ...method, patterns }] : [];
  });
  if (options === undefined) {
    for (const { method } of first ? [first, ...rest] : []) {
      findings.problems.push({
        handler: `${target.name}.${method}`,
        problem:
          '@JsHandler has no consumer: decorate the class with @JsConsumer, or the method with it instead',
      });
    }
  } else if (first === undefined) {
    findings.problems.push({
      handler: target.name,
      problem: '@JsConsumer on a class needs methods decorated with @JsHandler',
    });
  } else {
    findings.consumers.push({ name: target.name, options, methods: [first, ...rest] });
  }
}

/** The class of a provider: its own, or that of what its factory made. */
function classOf(wrapper: InstanceWrapper): Type | undefined {
  const { metatype, inject } = wrapper;
  const isFactory = inject !== undefined && inject !== null;
  if (typeof metatype === 'function' && !isFactory && metatype.prototype !== undefined)
    return metatype as Type;
  const made: unknown = wrapper.instance;
  if (typeof made !== 'object' || made === null) return undefined;
  const constructor: unknown = Reflect.get(made, 'constructor');
  return typeof constructor === 'function' && constructor !== Object ? (constructor as Type) : undefined;
}
