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
import { BoardHandlers } from './board-handlers.js';

/**
 * Creates the controller of a board, on any HTTP platform of Nest. Each board has a class of its own, because the path and
 * the guards belong to the class.
 */
export function boardController(path: string, guards: readonly (Type<CanActivate> | CanActivate)[]): Type {
  @UseGuards(...guards)
  @Controller({ path, version: VERSION_NEUTRAL })
  class JetStreamBoardController {
    constructor(
      @Inject(BoardHandlers) private readonly board: BoardHandlers,
      @Inject(PageResponses) private readonly responses: PageResponses,
    ) {}

    // The responses are sent here, because interceptors of the application would change what is returned.
    @Get()
    index(@Req() request: unknown, @Res() response: unknown): Promise<void> {
      return this.board.index(new PageRequest(request), response, this.responses);
    }

    @Get('assets/:name')
    asset(@Req() request: unknown, @Res() response: unknown): Promise<void> {
      return this.board.asset(new PageRequest(request), response, this.responses);
    }

    @Get('api/:view')
    view(@Req() request: unknown, @Res() response: unknown): Promise<void> {
      return this.board.view(new PageRequest(request), response, this.responses);
    }

    @Post('api/:action')
    act(@Req() request: unknown, @Res() response: unknown): Promise<void> {
      return this.board.act(new PageRequest(request), response, this.responses);
    }

    @Get('raw/:name')
    download(@Req() request: unknown, @Res() response: unknown): Promise<void> {
      return this.board.download(new PageRequest(request), response, this.responses);
    }

    @Get('live')
    stream(@Req() request: unknown, @Res() response: unknown): Promise<void> {
      return this.board.stream(new PageRequest(request), response, this.responses);
    }
  }
  return JetStreamBoardController;
}
