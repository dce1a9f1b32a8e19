export {
  type ApiErrorBody,
  type ApiErrorContext,
  InvalidApiResponseError,
  JetStreamApiError,
  JetStreamNotEnabledError,
  JetStreamNotEnabledForAccountError,
} from './api.errors.js';
export { InvalidArgumentError } from './argument.errors.js';
export { BoardJobNotFoundError, BoardJobRunningError, TooManyBoardJobsError } from './board.errors.js';
export {
  BucketExistsError,
  type BucketKind,
  BucketNotFoundError,
  InvalidBucketNameError,
} from './bucket.errors.js';
export { BootTimeoutError, ConnectionFailedError, PermissionDeniedError } from './connection.errors.js';
export {
  ConsumerExistsError,
  ConsumerNotFoundError,
  InvalidConsumerNameError,
  InvalidConsumerResetError,
  MaxConsumersExceededError,
  NotAPullConsumerError,
  NotAPushConsumerError,
} from './consumer.errors.js';
export {
  ConsumerAlreadyConsumingError,
  ConsumerLeadershipChangedError,
  IteratorClosedError,
  MaxBytesExceededError,
  OrderedConsumerInUseError,
  PinIdMismatchError,
  ServerShutdownError,
  toPullError,
} from './consuming.errors.js';
export {
  DeadLetterNotFoundError,
  DeadLetterPayloadGoneError,
  HandlerNotRunningError,
  ReplayFailedError,
  ReplayRefusedError,
} from './dead-letter.errors.js';
export {
  ControlFailedError,
  ControlNotAllowedError,
  InstanceHandlerNotFoundError,
  InstanceNotFoundError,
} from './discovery.errors.js';
export { AmbiguousHandlerError, HandlerNotFoundError, ApplicationNotRunningError } from './handler.errors.js';
export { JetStreamError } from './jetstream.error.js';
export {
  BucketRecreatedError,
  HistoryTooLargeError,
  InvalidKeyError,
  KeyDeletedError,
  KeyExistsError,
  KeyNotFoundError,
  KeyTtlDisabledError,
  LockLostError,
  LockNotObtainedError,
  NotAKeyValueBucketError,
  RevisionMismatchError,
  RevisionNotReachedError,
  TooManyConflictsError,
  WatchStoppedError,
} from './key-value.errors.js';
export {
  InvalidMessageError,
  MessageAlreadySettledError,
  NotAJetStreamMessageError,
  PayloadDecodingError,
  PayloadEncodingError,
} from './message.errors.js';
export {
  DuplicateRequestError,
  HandlerFailedError,
  InvalidReplyError,
  TransportNotConnectedError,
} from './microservice.errors.js';
export { PackageNotInstalledError, UnsupportedNestVersionError } from './nest.errors.js';
export {
  BucketLinkError,
  DigestMismatchError,
  InvalidObjectInfoError,
  InvalidObjectNameError,
  LinkLoopError,
  LinkNotAllowedError,
  LinkToDeletedObjectError,
  LinkToLinkError,
  MirroredObjectStoreError,
  ObjectChangedError,
  ObjectCorruptError,
  ObjectDeletedError,
  ObjectDescriptionTooLargeError,
  ObjectExistsError,
  ObjectIncompleteError,
  ObjectLinkError,
  ObjectNotFoundError,
  ObjectRevisionMismatchError,
  ObjectTooLargeError,
  ObjectTransferStalledError,
} from './object-store.errors.js';
export { DuplicatePageError, HttpPlatformMissingError, UnprotectedPageError } from './page.errors.js';
export {
  ConfigMismatchError,
  DuplicateConnectionError,
  DuplicateDeclarationError,
} from './provisioning.errors.js';
export {
  AtomicBatchRefusedError,
  IngestGapError,
  IngestInterruptedError,
  InvalidPubAckError,
  MaxMessageSizeExceededError,
  NoStreamResponseError,
  PayloadTooLargeError,
  PublishRefusedError,
  PublishTimeoutError,
  StreamFeatureDisabledError,
  StreamFullError,
  TooManyStalledPublishesError,
  WrongLastMessageIdError,
  WrongLastSequenceError,
  WrongStreamError,
} from './publish.errors.js';
export {
  ConsumerDeletedError,
  NoHeartbeatError,
  PullRequestRefusedError,
  StreamReplacedError,
} from './receiving.errors.js';
export {
  ConnectionClosedError,
  InboxPermissionError,
  NoRespondersError,
  NotConnectedError,
  RequestTimeoutError,
  TooManyPendingRequestsError,
} from './request.errors.js';
export { ScheduleNotFoundError } from './schedule.errors.js';
export { UnsupportedServerFeatureError } from './server.errors.js';
export {
  DirectAccessDisabledError,
  InvalidStreamNameError,
  InvalidSubjectError,
  MessageNotFoundError,
  SequenceNotReachedError,
  StreamExistsError,
  StreamNotFoundError,
} from './stream.errors.js';
export { toApiError } from './to-api-error.js';
export { isTransient } from './transient.js';
