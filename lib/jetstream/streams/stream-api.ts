import { checkBoolean, optionsCheck } from '../../validation/index.js';
import { validateFilter, validateStreamName, type JetStreamApi } from '../api/index.js';
import { decodeStreamInfo, type StreamInfo, type WireStreamInfo } from './stream-info.js';

/** What more to tell of a stream. */
export interface StreamInfoOptions {
  /** Lists the sequences that were removed. Default `false`. */
  readonly deletedDetails?: boolean | undefined;
  /** Counts the messages of each subject that matches, `>` for all. Default: none are counted. */
  readonly subjectFilter?: string | undefined;
}

const checkInfoOptions = optionsCheck<StreamInfoOptions>('info', {
  deletedDetails: true,
  subjectFilter: true,
});

/** Asks the server about one stream. Subjects come in pages of 100,000; all of them are asked for. */
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
