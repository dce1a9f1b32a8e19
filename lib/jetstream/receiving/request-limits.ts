/** The limits of a consumer for one pull request, and its priority groups. */
export interface PullLimits {
  readonly maxRequestBatch?: number | undefined;
  readonly maxRequestExpires?: number | undefined;
  readonly maxRequestMaxBytes?: number | undefined;
  readonly priorityGroups?: readonly string[] | undefined;
}

/** The consumer's limits of one pull request; `Infinity` for no limit. Durations in milliseconds. */
export interface RequestLimits {
  batch: number;
  expires: number;
  bytes: number;
}

/** The limits in a consumer's configuration. */
export function requestLimits({
  maxRequestBatch,
  maxRequestExpires,
  maxRequestMaxBytes,
}: PullLimits): RequestLimits {
  return {
    batch: maxRequestBatch || Infinity,
    expires: maxRequestExpires || Infinity,
    bytes: maxRequestMaxBytes || Infinity,
  };
}

/**
 * Reads a limit from the description of a refused pull request, such as `Exceeded MaxRequestBatch of 5`, because the
 * configuration of a consumer may change while it is read.
 *
 * @returns whether a limit is lower now, so that a smaller request may succeed
 */
export function learnLimit(limits: RequestLimits, description: string): boolean {
  const [, name, value] = /exceeded maxrequest(batch|expires|maxbytes) of (\S+)/i.exec(description) ?? [];
  if (name === undefined) return false;
  const kind = name.toLowerCase();
  const key = kind === 'maxbytes' ? 'bytes' : kind === 'batch' ? 'batch' : 'expires';
  const limit = key === 'expires' ? goDuration(value) : Number(value);
  if (!(limit > 0 && limit < limits[key])) return false;
  limits[key] = limit;
  return true;
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  µs: 1e-3,
  us: 1e-3,
  ns: 1e-6,
};

/** A duration as Go prints it, such as `1m30s` or `1.5s`, in milliseconds; `NaN` if it is not a duration. */
function goDuration(text: string): number {
  const parts = [...text.matchAll(/([\d.]+)(h|ms|µs|us|ns|m|s)/g)];
  if (parts.length === 0) return NaN;
  return parts.reduce((sum, [, value, unit]) => sum + Number(value) * MILLISECONDS[unit], 0);
}
