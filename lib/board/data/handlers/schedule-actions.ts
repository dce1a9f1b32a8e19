import { InvalidArgumentError } from '../../../errors/index.js';
import type { Schedules } from '../../../schedules/index.js';
import { filledText, required } from '../../../validation/index.js';
import type { Actions } from '../answers.js';
import type { BoardContext } from '../board-context.js';

const MEMBERS = { name: required(filledText) };

/** The commands for schedules. */
export function scheduleActions({
  source,
}: BoardContext): Actions<'pause-schedule' | 'resume-schedule' | 'run-schedule'> {
  const isPossible = (): boolean => source.schedules !== undefined;
  const schedules = (): Schedules => {
    if (source.schedules === undefined) throw new InvalidArgumentError('name', 'there are no schedules here');
    return source.schedules;
  };
  return {
    'pause-schedule': {
      isPossible,
      members: MEMBERS,
      async carryOut({ name }): Promise<object> {
        await schedules().pause(name);
        return {};
      },
    },
    'resume-schedule': {
      isPossible,
      members: MEMBERS,
      async carryOut({ name }): Promise<object> {
        await schedules().resume(name);
        return {};
      },
    },
    'run-schedule': {
      isPossible,
      members: MEMBERS,
      carryOut: async ({ name }) => ({ id: await schedules().runNow(name) }),
    },
  };
}
