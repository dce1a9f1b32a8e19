import { InvalidArgumentError } from '../../../errors/index.js';
import type { Schedules } from '../../../schedules/index.js';
import { required, rule } from '../../../validation/index.js';
import type { Actions } from '../answers.js';
import type { BoardContext } from '../board-context.js';

/** Names are part of subjects, whose length servers limit. */
const LONGEST_NAME = 500;

const MEMBERS = {
  name: required(
    rule(
      `the name of a schedule, up to ${LONGEST_NAME} characters`,
      (value) => typeof value === 'string' && value.trim() !== '' && value.length <= LONGEST_NAME,
    ),
  ),
};

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
      async carryOut({ name }, { signal }): Promise<object> {
        await schedules().pause(name, { signal });
        return {};
      },
    },
    'resume-schedule': {
      isPossible,
      members: MEMBERS,
      async carryOut({ name }, { signal }): Promise<object> {
        await schedules().resume(name, { signal });
        return {};
      },
    },
    'run-schedule': {
      isPossible,
      members: MEMBERS,
      carryOut: async ({ name }, { signal }) => ({
        id: await schedules().runNow(name, undefined, { signal }),
      }),
    },
  };
}
