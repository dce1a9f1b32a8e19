import type { JetStreamApi } from '../api/index.js';
import type { StreamConfig } from './stream-config.js';
import { decodeStreamConfig, encodeStreamConfig } from './stream-config.wire.js';
import type { StreamInfo } from './stream-info.js';
import { Stream } from './stream.js';

/** The defaults of the server, in its own format. */
const DEFAULTS = {
  retention: 'limits',
  max_consumers: -1,
  max_msgs: -1,
  max_msgs_per_subject: -1,
  max_bytes: -1,
  max_age: 0,
  discard: 'old',
  storage: 'file',
  num_replicas: 1,
};

/**
 * The information about a stream of an application without a server: its declaration with the defaults of the server, and
 * no messages.
 *
 * @throws {@link InvalidStreamNameError}, {@link InvalidSubjectError}, {@link InvalidArgumentError}
 */
export function declaredInfo(config: StreamConfig, api: JetStreamApi): StreamInfo {
  return {
    config: decodeStreamConfig({ ...DEFAULTS, ...encodeStreamConfig(config, api.connection) }),
    created: new Date(0),
    state: {
      messages: 0,
      bytes: 0,
      firstSequence: 0,
      lastSequence: 0,
      consumers: 0,
      numDeleted: 0,
      numSubjects: 0,
    },
  };
}

/** A stream of an application without a server. @throws the errors of {@link declaredInfo} */
export function declaredStream(api: JetStreamApi, config: StreamConfig): Stream {
  return new Stream(api, declaredInfo(config, api));
}
