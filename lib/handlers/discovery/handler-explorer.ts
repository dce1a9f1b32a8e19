import type { Type } from '@nestjs/common';
import { MetadataScanner, type DiscoveryService } from '@nestjs/core';
import type { InstanceWrapper } from '../compile/index.js';
import { getHandlers, getMisplacedHandlers } from '../decorators/index.js';
import type { ConfigurationProblem } from './handler-configuration.error.js';
import type { HandlerDefinition } from './handler-definition.js';

/** What was found in an application: its handlers, and decorators where none can be. */
export interface Findings {
  readonly handlers: readonly HandlerDefinition[];
  readonly problems: readonly ConfigurationProblem[];
}

/** Finds the decorated methods of all providers and controllers of an application. */
export class HandlerExplorer {
  private readonly scanner = new MetadataScanner();

  constructor(private readonly discovery: DiscoveryService) {}

  explore(): Findings {
    const handlers: HandlerDefinition[] = [];
    const problems: ConfigurationProblem[] = [];
    const seen = new Set<unknown>();
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const target = classOf(wrapper);
      // An alias, or a second token for the same object, is the same handler.
      if (!target || wrapper.isAlias || seen.has(wrapper.instance ?? wrapper)) continue;
      seen.add(wrapper.instance ?? wrapper);
      handlers.push(...this.handlersOf(wrapper, target));
      for (const method of getMisplacedHandlers(target)) {
        problems.push({
          handler: `${target.name}.${method}`,
          problem:
            'a handler cannot be a static method: no provider stands behind it; make it an instance method',
        });
      }
    }
    return { handlers, problems };
  }

  private handlersOf(wrapper: InstanceWrapper, target: Type): HandlerDefinition[] {
    const prototype = target.prototype as Record<string, unknown>;
    return this.scanner.getAllMethodNames(prototype).flatMap((method) => {
      const callback = prototype[method];
      if (typeof callback !== 'function') return [];
      return getHandlers(callback).map((metadata): HandlerDefinition => ({
        target,
        method,
        callback: callback as HandlerDefinition['callback'],
        wrapper,
        metadata,
      }));
    });
  }
}

/** The class of a provider: its own, or that of what its factory made. */
function classOf(wrapper: InstanceWrapper): Type | undefined {
  const { metatype, instance, inject } = wrapper;
  const isFactory = inject !== undefined && inject !== null;
  if (typeof metatype === 'function' && !isFactory && metatype.prototype !== undefined)
    return metatype as Type;
  const made: unknown = instance;
  if (typeof made !== 'object' || made === null) return undefined;
  const { constructor } = made;
  return typeof constructor === 'function' && constructor !== Object ? (constructor as Type) : undefined;
}
