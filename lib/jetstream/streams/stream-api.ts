import { checkBoolean, optionsCheck } from '../../validation/index.js';
import { validateFilter, validateStreamName, type JetStreamApi } from '../api/index.js';
import { decodeStreamInfo, type StreamInfo, type WireStreamInfo } from './stream-info.js';

/** Additional information to request. */
export interface StreamInfoOptions {
  /** Includes the sequences of removed messages. Default `false`. */
  readonly deletedDetails?: boolean | undefined;
  /** Counts the messages of each matching subject; `>` for all. Default: not counted. */
  readonly subjectFilter?: string | undefined;
}

const checkInfoOptions = optionsCheck<StreamInfoOptions>('info', {
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
  const { deletedDetails, subjectFilter } = checkInfoOptions(options);
  if (deletedDetails !== undefined) checkBoolean('deletedDetails', deletedDetails);
  if (subjectFilter !== undefined) validateFilter(subjectFilter);
  const subjects: Record<string, number> = {};
  for (let offset = 0; ;) {
    const info = await api.call<WireStreamInfo & { readonly total?: number }>(
      `STREAM.INFO.${name}`,
      { offset, deleted_details: deletedDetails, subjects_filter: subjectFilter },
      { stream: name },
    );
    if (subjectFilter === undefined) return decodeStreamInfo(info);
    const page = Object.entries(info.state.subjects ?? {});
    for (const [subject, messages] of page) subjects[subject] = messages;
    offset += page.length;
    if (page.length === 0 || offset >= (info.total ?? 0)) return decodeStreamInfo(info, subjects);
  }
}
