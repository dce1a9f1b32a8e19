import type { INestApplication } from '@nestjs/common';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import fastifyHelmet from '@fastify/helmet';
import helmet from 'helmet';
import type { Platform } from './shop.js';

/** Adds helmet with its defaults. */
export async function useHelmet(app: INestApplication, platform: Platform): Promise<void> {
  if (platform === 'express') app.use(helmet());
  else await (app.getHttpAdapter() as unknown as FastifyAdapter).register(fastifyHelmet as never);
}
