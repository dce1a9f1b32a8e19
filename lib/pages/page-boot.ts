import type { OnModuleInit } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import { reservePath } from './page-paths.js';
import { requireServable, type ServedPage } from './protection.js';

/** Stops the boot if a page cannot be served, has the path of another page, or is not protected. Each page provides one. */
export class PageBoot implements OnModuleInit {
  /** @throws {@link DuplicatePageError} */
  constructor(
    private readonly page: ServedPage,
    private readonly host: Partial<HttpAdapterHost>,
  ) {
    // Before the routes are registered, because Fastify would refuse them with an error of its own.
    reservePath(page, host);
  }

  onModuleInit(): void {
    requireServable(this.page, this.host);
    // The platform is known now, and with it whether it distinguishes the case of paths.
    reservePath(this.page, this.host);
  }
}
