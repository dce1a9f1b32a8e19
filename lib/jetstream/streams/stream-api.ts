import { checkBoolean, optionsCheck } from '../../validation/index.js';
import {
  CALL_OPTIONS,
  type CallOptions,
  inSteps,
  type JetStreamApi,
  validateFilter,
  validateStreamName,
} from '../api/index.js';
import { decodeStreamInfo, type StreamInfo, type WireStreamInfo } from './stream-info.js';

/** Additional information to request. */
export interface StreamInfoOptions extends CallOptions {
  /** Includes the sequences of removed messages. Default `false`. */
  readonly deletedDetails?: boolean | undefined;
  /** Counts the messages of each matching subject; `>` for all. Default: not counted. */
  readonly subjectFilter?: string | undefined;
}

const checkInfoOptions = optionsCheck<StreamInfoOptions>('info', {
  ...CALL_OPTIONS,
  deletedDetails: true,
  subjectFilter: true,
});

/** Requests the information of one stream. Subjects are returned in pages of 100,000; all pages are requested. */
export async function streamInfo(
  api: JetStreamApi,
  name: string,
  options: StreamInfoOptions = {},
): Promise<StreamInfo> {
  validateStreamName(name);
  const { deletedDetails, subjectFilter, timeout, signal } = checkInfoOptions(options);
  if (deletedDetails !== undefined) checkBoolean('deletedDetails', deletedDetails);
  if (subjectFilter !== undefined) validateFilter(subjectFilter);
  return inSteps({ timeout, signal }, (left) =>
    requestInfo(api, name, { deletedDetails, subjectFilter }, left),
  );
}

async function requestInfo(
  api: JetStreamApi,
  name: string,
  { deletedDetails, subjectFilter }: StreamInfoOptions,
  options: CallOptions,
): Promise<StreamInfo> {
  const subjects: Record<string, number> = {};
  for (let offset = 0; ;) {
    const info = await api.call<WireStreamInfo & { readonly total?: number }>(
      `STREAM.INFO.${name}`,
      { offset, deleted_details: deletedDetails, subjects_filter: subjectFilter },
      { ...options, stream: name },
    );
    if (subjectFilter === undefined) return decodeStreamInfo(info);
    const page = Object.entries(info.state.subjects ?? {});
    for (const [subject, messages] of page) subjects[subject] = messages;
    offset += page.length;
    if (page.length === 0 || offset >= (info.total ?? 0)) return decodeStreamInfo(info, subjects);
  }
}
