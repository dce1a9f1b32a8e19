import type { Type } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import type { ConfigurationProblem } from '../../consuming/index.js';
import { type HandlerMethod, handlerName, type InstanceWrapper, lostEnhancers } from '../compile/index.js';
import {
  declaredMethods,
  getClassHandler,
  getHandlers,
  getMisplacedHandlers,
  getPublishTargets,
  getRoutes,
} from '../decorators/index.js';
import type {
  ConsumerDefinition,
  EventDefinition,
  KvWatchDefinition,
  ObjectWatchDefinition,
  RoutedMethod,
  SubscribeDefinition,
} from './handler-definition.js';

/** The handlers found in an application, and the decorators on members that cannot be handlers. */
export class Findings {
  readonly consumers: ConsumerDefinition[] = [];
  readonly kvWatches: KvWatchDefinition[] = [];
  readonly objectWatches: ObjectWatchDefinition[] = [];
  readonly subscriptions: SubscribeDefinition[] = [];
  readonly events: EventDefinition[] = [];
  readonly problems: ConfigurationProblem[] = [];
  /** Nest's records of the classes with handlers. */
  readonly wrappers: InstanceWrapper[] = [];
}

/** Finds the decorated methods of all providers and controllers of an application. */
export class HandlerExplorer {
  constructor(private readonly discovery: DiscoveryService) {}

  /** @param known the records of classes that were found before, which are skipped */
  explore(known: ReadonlySet<InstanceWrapper> = new Set()): Findings {
    const findings = new Findings();
    for (const { name, target, methods, wrapper } of this.classes()) {
      if (known.has(wrapper)) continue;
      findings.wrappers.push(wrapper);
      for (const method of methods) {
        collectHandlers(method, findings);
        if (publishesNothing(method)) {
          findings.problems.push({
            handler: handlerName(method),
            problem:
              '@PublishTo only works on handlers of stream messages: decorate the method with @JsConsumer or @JsHandler too',
          });
        }
      }
      for (const method of methods) reportLost(method, findings);
      collectRoutes(name, target, methods, findings);
      for (const { method, problem } of getMisplacedHandlers(target)) {
        findings.problems.push({ handler: `${name}.${method}`, problem });
      }
    }
    return findings;
  }

  /** All methods with decorators of this library. */
  methods(): readonly HandlerMethod[] {
    return this.classes().flatMap(({ methods }) => methods);
  }

  /** All providers and controllers that have handlers, or handler decorators. */
  private classes(): HandlerClass[] {
    const seen = new Set<unknown>();
    const found = [...this.discovery.getProviders(), ...this.discovery.getControllers()].flatMap(
      (wrapper) => {
        const target = classOf(wrapper);
        // An alias, or a second token for the same object, refers to the same handler.
        if (!target || wrapper.isAlias || seen.has(wrapper.instance ?? wrapper)) return [];
        seen.add(wrapper.instance ?? wrapper);
        const methods = declaredMethods(target);
        const hasHandlers =
          methods.length > 0 ||
          getClassHandler(target) !== undefined ||
          getMisplacedHandlers(target).length > 0;
        return hasHandlers ? [{ wrapper, target, methods }] : [];
      },
    );
    const names = uniqueNames(found);
    return found.map(({ wrapper, target, methods }, place) => ({
      name: names[place],
      target,
      wrapper,
      methods: methods.map(({ name, callback }) => ({
        target,
        method: name,
        callback,
        wrapper,
        className: names[place],
      })),
    }));
  }
}

/** Reports handlers whose guards Nest did not find: such a handler would run unprotected. */
export function reportLost(method: HandlerMethod, findings: Findings): void {
  const lost = lostEnhancers(method);
  if (lost.length === 0) return;
  const problem =
    `${lost.map(({ name }) => name).join(', ')} would not be applied, because the method was an accessor or a spy when Nest ` +
    'scanned the class: use decorators that keep it a method, and spy on it only after the application has started';
  findings.problems.push({ handler: handlerName(method), problem });
}

interface HandlerClass {
  readonly name: string;
  readonly target: Type;
  readonly wrapper: InstanceWrapper;
  readonly methods: readonly HandlerMethod[];
}

/** The names of classes. A name that several classes share is prefixed with the module, and numbered if necessary. */
function uniqueNames(
  classes: readonly { readonly target: Type; readonly wrapper: InstanceWrapper }[],
): string[] {
  const counts = new Map<string, number>();
  for (const { target } of classes) counts.set(target.name, (counts.get(target.name) ?? 0) + 1);
  const taken = new Map<string, number>();
  return classes.map(({ target, wrapper }) => {
    const isUnique = counts.get(target.name) === 1;
    const name = isUnique ? target.name : `${wrapper.host?.name ?? ''}/${target.name}`;
    const before = taken.get(name) ?? 0;
    taken.set(name, before + 1);
    return before === 0 ? name : `${name}#${before + 1}`;
  });
}

function collectHandlers(method: HandlerMethod, findings: Findings): void {
  for (const metadata of getHandlers(method.callback)) {
    switch (metadata.kind) {
      case 'consumer':
        findings.consumers.push({
          name: handlerName(method),
          options: metadata.options,
          deadLetters: metadata.deadLetters,
          schedule: metadata.schedule,
          mistakes: metadata.mistakes,
          contracts: metadata.contracts ?? [],
          methods: [{ ...method, patterns: [], contracts: metadata.contracts ?? [] }],
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

/** Whether a method that does not handle messages of a stream has results to publish. */
function publishesNothing({ callback }: HandlerMethod): boolean {
  if (getPublishTargets(callback).length === 0 || getRoutes(callback).length > 0) return false;
  return !getHandlers(callback).some(({ kind }) => kind === 'consumer');
}

/** The consumer that the methods of a class share. */
function collectRoutes(
  name: string,
  target: Type,
  methods: readonly HandlerMethod[],
  findings: Findings,
): void {
  const consumer = getClassHandler(target);
  const [first, ...rest] = methods.flatMap((method): RoutedMethod[] => {
    const routes = getRoutes(method.callback);
    if (routes.length === 0) return [];
    const contracts = routes.flatMap(({ contract }) => contract ?? []);
    if (contracts.length > 0 && contracts.length < routes.length) {
      findings.problems.push({
        handler: handlerName(method),
        problem: '@JsHandler cannot combine patterns with messages: decorate a method of its own for each',
      });
    }
    return [{ ...method, patterns: routes.map(({ pattern }) => pattern), contracts }];
  });
  if (consumer === undefined) {
    for (const { method } of first ? [first, ...rest] : []) {
      findings.problems.push({
        handler: `${name}.${method}`,
        problem:
          '@JsHandler has no consumer: decorate the class with @JsConsumer, or replace @JsHandler by @JsConsumer',
      });
    }
  } else if (first === undefined) {
    findings.problems.push({
      handler: name,
      problem: '@JsConsumer on a class needs methods decorated with @JsHandler',
    });
  } else {
    const { contracts = [], ...declared } = consumer;
    findings.consumers.push({ name, ...declared, contracts, methods: [first, ...rest] });
  }
}

/** The class of a provider: the declared class, or that of the object its factory created. */
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
