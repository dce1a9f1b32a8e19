import { Injectable } from '@nestjs/common';
import { type ConfigurationProblem, HandlerConfigurationError } from '../consuming/index.js';
import type { HandlerPlans } from './planning/index.js';

/** A part of the application that follows its handlers through startup and shutdown. */
export interface StageMember {
  /** Called with all handlers before any of them starts; returns mistakes, which stop the startup. */
  check(plans: HandlerPlans): readonly ConfigurationProblem[];
  /** Called when all handlers have started. If it rejects, the startup fails. */
  started(): Promise<void>;
  /** Called when handlers begin to stop: at shutdown, or because the startup has failed. It must end soon, and never reject. */
  stopping(): Promise<void>;
}

/** The stages that the handlers of an application go through, for other parts that follow them. */
@Injectable()
export class HandlerStages {
  private readonly members: StageMember[] = [];

  /** Adds a member, while the application creates its providers. */
  add(member: StageMember): void {
    this.members.push(member);
  }

  /** @throws {@link HandlerConfigurationError} with the mistakes that members have found */
  check(plans: HandlerPlans): void {
    const problems = this.members.flatMap((member) => member.check(plans));
    if (problems.length > 0) throw new HandlerConfigurationError(problems);
  }

  async started(): Promise<void> {
    await Promise.all(this.members.map((member) => member.started()));
  }

  async stopping(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stopping()));
  }
}
