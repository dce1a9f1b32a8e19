import { ModuleRef } from '@nestjs/core';
import { MessageSettlement, type SettlementOption } from '../../consuming/index.js';
import type { HandlerMethod } from '../compile/index.js';
import { Acknowledgement } from './acknowledgement.js';

/**
 * Finds the settlement of handlers. A settlement class is instantiated once for each module that has handlers with it.
 */
export class Acknowledgements {
  private readonly usual = new Acknowledgement(new MessageSettlement());
  private readonly made = new Map<ModuleRef, Map<object, Promise<Acknowledgement>>>();

  async of(method: HandlerMethod, option: SettlementOption | undefined): Promise<Acknowledgement> {
    if (option === undefined || option === MessageSettlement) return this.usual;
    if (typeof option !== 'function') return new Acknowledgement(option);
    const { wrapper, target } = method;
    const moduleRef = wrapper.host?.getProviderByKey<ModuleRef>(ModuleRef)?.instance;
    if (!moduleRef) throw new Error(`${target.name} belongs to no module`);
    const inModule = this.made.get(moduleRef) ?? new Map<object, Promise<Acknowledgement>>();
    this.made.set(moduleRef, inModule);
    const making =
      inModule.get(option) ?? moduleRef.create(option).then((settlement) => new Acknowledgement(settlement));
    inModule.set(option, making);
    return making;
  }
}
