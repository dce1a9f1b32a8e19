import { Logger } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import {
  type Binder,
  type BindOptions,
  BoundHandler,
  type Handlers,
  type RegisteredHandler,
  throwProblems,
} from '../../consuming/index.js';
import { ConnectionClosedError, InvalidArgumentError, NotConnectedError } from '../../errors/index.js';
import { errorText, isInstance, nameText, propertyOf } from '../../reporting/index.js';
import { isObject } from '../../validation/index.js';
import { type HandlerCompiler, type HandlerMethod, handlerName } from '../compile/index.js';
import { declaredMethods } from '../decorators/index.js';
import { Findings, reportLost } from '../discovery/index.js';
import type { ConsumerPlan } from '../planning/index.js';
import type { CreatedHandlers, HandlerStarter } from './handler-starter.js';

const FORMS = ['consumer', 'kvWatch', 'objectWatch', 'subscribe'] as const;
/** How long the deletion of a consumer may take, in milliseconds; the server deletes it later by itself. */
const DELETE_WITHIN = 2_000;

/** Binds methods of providers and controllers at run time. */
export class HandlerBinder implements Binder {
  private readonly logger = new Logger('Handlers');
  /** The names of handlers that are being created. */
  private readonly reserved = new Set<string>();

  constructor(
    private readonly starter: HandlerStarter,
    private readonly discovery: DiscoveryService,
    private readonly handlers: Handlers,
    private readonly compiler: HandlerCompiler,
  ) {}

  async bind(instance: object, method: string, options: BindOptions): Promise<BoundHandler> {
    const found = this.find(instance, method);
    const findings = new Findings();
    const handler = this.unique(found);
    const name = handlerName(handler);
    this.reserved.add(name);
    try {
      collect(handler, options, findings);
      reportLost(handler, findings);
      const plans = await this.starter.plan(findings, [], { all: true });
      return await this.start(name, await this.starter.create(plans));
    } finally {
      this.reserved.delete(name);
    }
  }

  private async start(name: string, created: CreatedHandlers): Promise<BoundHandler> {
    const [registered] = created.handlers;
    try {
      await this.handlers.add(registered);
      // The application may have been closed in the meantime.
      this.handlers.requireRunning('bind', name);
    } catch (error) {
      await this.end(created, registered);
      const isOfConnection = isInstance(error, ConnectionClosedError) || isInstance(error, NotConnectedError);
      if (isOfConnection || this.handlers.isClosed) throw error;
      throwProblems([{ status: 'rejected', reason: error }], [name]);
      throw error;
    }
    return new BoundHandler(registered.runner, () => this.end(created, registered));
  }

  private async end(created: CreatedHandlers, registered: RegisteredHandler): Promise<void> {
    try {
      await this.handlers.remove([registered]);
    } catch (error) {
      this.logger.error(`${registered.runner.state.handler} failed to stop: ${errorText(error)}`);
    }
    await this.starter.discard(created, registered.shutdown.timeout);
    const [plan] = created.plans.consumers;
    if (plan !== undefined) await this.deleteNameless(plan, registered);
  }

  /** A consumer without a given name belongs to this handler alone. */
  private async deleteNameless(plan: ConsumerPlan, { runner, jetstream }: RegisteredHandler): Promise<void> {
    const { consumer = '' } = runner.state;
    if (consumer === '' || isNamed(plan) || jetstream.connection.nc.isClosed()) return;
    try {
      await jetstream.deleteConsumer(plan.stream, consumer, { timeout: DELETE_WITHIN });
    } catch (error) {
      this.logger.debug(
        `${plan.handler}: its consumer "${consumer}" of stream "${plan.stream}" is left to the server, which deletes it when ` +
          `it has been unused for some time: ${errorText(error)}`,
      );
    }
  }

  /** @throws {@link InvalidArgumentError} */
  private find(instance: object, method: string): HandlerMethod {
    const isObjectLike =
      (typeof instance === 'object' && instance !== null) || typeof instance === 'function';
    const wrapper = [...this.discovery.getProviders(), ...this.discovery.getControllers()].find(
      (each) => isObjectLike && each.instance === instance && !each.isAlias,
    );
    if (wrapper === undefined) {
      const name = nameText(propertyOf(propertyOf(instance, 'constructor'), 'name')) || 'unknown';
      throw new InvalidArgumentError(
        'instance',
        `the object (class ${name}) is not a provider or controller of this application. Pass the object that Nest injects, or ` +
          'app.get() returns; a request-scoped or transient provider cannot be bound',
      );
    }
    const target = instance.constructor as HandlerMethod['target'];
    const callback = declaredMethods(target).find(({ name }) => name === method)?.callback;
    const present: unknown = callback ?? propertyOf(instance, method);
    if (typeof present !== 'function' || method === 'constructor') {
      throw new InvalidArgumentError('method', `${target.name} has no method ${nameText(method)}`);
    }
    const found: HandlerMethod = {
      target,
      method,
      callback: present as HandlerMethod['callback'],
      wrapper,
      className: target.name,
    };
    if (this.compiler.missesScopedGlobals(found)) {
      throw new InvalidArgumentError(
        'instance',
        `the application has request-scoped global guards, pipes, interceptors or filters, which Nest does not create for ` +
          `${target.name}, because it is neither a controller nor a class with handler decorators: bind a method of such a class`,
      );
    }
    return found;
  }

  /** The first handler of a method is named like a decorated one; further ones get a number. */
  private unique(method: HandlerMethod): HandlerMethod {
    const taken = new Set(this.handlers.list().map(({ handler }) => handler));
    for (let number = 1; ; number++) {
      const numbered = number === 1 ? method : { ...method, suffix: `#${number}` };
      const name = handlerName(numbered);
      if (!taken.has(name) && !this.reserved.has(name)) return numbered;
    }
  }
}

/** @throws {@link InvalidArgumentError} if the form of the handler is missing or not unique */
function collect(method: HandlerMethod, given: BindOptions, findings: Findings): void {
  const options: Readonly<Record<string, unknown>> = isObject(given) ? given : {};
  const forms = FORMS.filter((form) => options[form] !== undefined);
  const others = Object.keys(options).filter((name) => !FORMS.some((form) => form === name));
  if (forms.length !== 1 || others.length > 0) {
    const found = [...forms, ...others].map((name) => `"${name}"`).join(', ') || 'none';
    throw new InvalidArgumentError(
      'options',
      `Handlers.bind of ${handlerName(method)} needs exactly one of ${FORMS.join(', ')}, and found ${found}`,
    );
  }
  const { consumer, kvWatch, objectWatch, subscribe } = given;
  const own: unknown = options[forms[0]];
  if (isObject(own) && own.enabled !== undefined) {
    findings.problems.push({
      handler: handlerName(method),
      problem: 'Handlers.bind starts the handler: leave the option enabled out',
    });
  }
  if (consumer !== undefined) {
    findings.consumers.push({
      name: handlerName(method),
      options: consumer,
      contracts: [],
      methods: [{ ...method, patterns: [], contracts: [] }],
    });
  } else if (kvWatch !== undefined) {
    const { bucket, ...watch } = asObject(kvWatch);
    findings.kvWatches.push({ ...method, metadata: { kind: 'kv-watch', bucket, options: watch } });
  } else if (objectWatch !== undefined) {
    const { bucket, ...watch } = asObject(objectWatch);
    findings.objectWatches.push({ ...method, metadata: { kind: 'object-watch', bucket, options: watch } });
  } else if (subscribe !== undefined) {
    const { subject, ...rest } = asObject(subscribe);
    findings.subscriptions.push({ ...method, metadata: { kind: 'subscribe', subject, options: rest } });
  }
}

/** Callers without types may pass anything; a missing name is then reported with all other mistakes. */
function asObject<Options extends object>(given: Options): Options {
  return isObject(given) ? given : ({} as Options);
}

function isNamed({ delivery }: ConsumerPlan): boolean {
  if (delivery.mode === 'ordered') return false;
  const { durable, name } = delivery.config;
  return (durable ?? name) !== undefined;
}
