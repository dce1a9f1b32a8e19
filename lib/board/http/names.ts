import type { BoardActionName, BoardDownloads, BoardViewName } from '../model/index.js';

// The records make the compiler check that no name is missing.
const VIEWS: Readonly<Record<BoardViewName, true>> = {
  session: true,
  handlers: true,
  instances: true,
  flow: true,
  streams: true,
  stream: true,
  consumers: true,
  messages: true,
  'dead-letters': true,
  'dead-letter': true,
  jobs: true,
  job: true,
  buckets: true,
  keys: true,
  entry: true,
  objects: true,
  schedules: true,
  events: true,
};

/**
 * The actions, and what they change. `nothing`: allowed on a board that only reads. `job`: that depends on the job.
 */
const ACTIONS: Readonly<Record<BoardActionName, 'nothing' | 'job' | 'something'>> = {
  'pause-handler': 'something',
  'resume-handler': 'something',
  'stop-handler': 'something',
  'start-handler': 'something',
  'pause-consumer': 'something',
  'resume-consumer': 'something',
  replay: 'something',
  'edit-and-replay': 'something',
  drop: 'something',
  'replay-all': 'something',
  'drop-all': 'something',
  search: 'nothing',
  'stop-job': 'job',
  'continue-job': 'job',
  'remove-job': 'job',
  'pause-schedule': 'something',
  'resume-schedule': 'something',
  'run-schedule': 'something',
};

const DOWNLOADS: Readonly<Record<keyof BoardDownloads, true>> = {
  message: true,
  'dead-letter': true,
  entry: true,
  object: true,
};

export const BOARD_VIEWS = Object.keys(VIEWS) as readonly BoardViewName[];

export function isView(name: string): name is BoardViewName {
  return Object.hasOwn(VIEWS, name);
}

export function isAction(name: string): name is BoardActionName {
  return Object.hasOwn(ACTIONS, name);
}

export function isDownload(name: string): name is keyof BoardDownloads {
  return Object.hasOwn(DOWNLOADS, name);
}

/** The kind of change that an action makes. */
export function changeOf(name: BoardActionName): 'nothing' | 'job' | 'something' {
  return ACTIONS[name];
}
