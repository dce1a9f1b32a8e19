import {
  type CanActivate,
  Controller,
  Get,
  Inject,
  Post,
  Req,
  Res,
  type Type,
  UseGuards,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { PageRequest, PageResponses } from '../../pages/index.js';
import { PageHandlers } from './page-handlers.js';

/**
 * Creates the controller of a page, on any HTTP platform of Nest. Each page has a class of its own, because the path and
 * the guards belong to the class.
 */
export function pageController(path: string, guards: readonly (Type<CanActivate> | CanActivate)[]): Type {
  @UseGuards(...guards)
  @Controller({ path, version: VERSION_NEUTRAL })
  class JetStreamAsyncApiController {
    constructor(
      @Inject(PageHandlers) private readonly page: PageHandlers,
      @Inject(PageResponses) private readonly responses: PageResponses,
    ) {}

    // The responses are sent here, because interceptors of the application would change what is returned.
    @Get()
    index(@Req() request: unknown, @Res() response: unknown): Promise<void> {
      return this.page.index(new PageRequest(request), response, this.responses);
    }

    @Get('asyncapi.json')
    json(@Req() request: unknown, @Res() response: unknown): Promise<void> {
      return this.page.json(new PageRequest(request), response, this.responses);
    }

    @Get('asyncapi.yaml')
    yaml(@Req() request: unknown, @Res() response: unknown): Promise<void> {
      return this.page.yaml(new PageRequest(request), response, this.responses);
    }

    @Get('assets/:name')
    asset(@Req() request: unknown, @Res() response: unknown): Promise<void> {
      return this.page.asset(new PageRequest(request), response, this.responses);
    }

    @Get('try-it.json')
    channels(@Req() request: unknown, @Res() response: unknown): Promise<void> {
      return this.page.channels(new PageRequest(request), response, this.responses);
    }

    @Post('try-it/:action')
    act(@Req() request: unknown, @Res() response: unknown): Promise<void> {
      return this.page.act(new PageRequest(request), response, this.responses);
    }
  }
  return JetStreamAsyncApiController;
}
