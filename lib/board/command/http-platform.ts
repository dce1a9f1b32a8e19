import type { AbstractHttpAdapter } from '@nestjs/core';
import { PackageNotInstalledError } from '../../errors/index.js';

/**
 * The HTTP platform that is installed.
 *
 * @throws {@link PackageNotInstalledError} if there is none
 */
export async function httpPlatform(): Promise<AbstractHttpAdapter> {
  try {
    const { ExpressAdapter } = await import('@nestjs/platform-express');
    return new ExpressAdapter();
  } catch {
    // Fastify may be installed.
  }
  try {
    const { FastifyAdapter } = await import('@nestjs/platform-fastify');
    return new FastifyAdapter();
  } catch (cause) {
    throw new PackageNotInstalledError(
      '@nestjs/platform-express',
      'The command board',
      'install @nestjs/platform-fastify',
      { cause },
    );
  }
}
