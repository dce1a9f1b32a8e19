import { Module } from '@nestjs/common';
import { Shipments } from './shipments.js';
import { ShippingController } from './shipping.controller.js';

@Module({ controllers: [ShippingController], providers: [Shipments] })
export class ShippingModule {}
