/** The injection token of the options given to `forRoot`, inside the module that they made. */
export const JETSTREAM_MODULE_OPTIONS = 'JETSTREAM_MODULE_OPTIONS';

/** The method of `useClass` and `useExisting` that makes the options. */
export const OPTIONS_METHOD = 'createJetStreamOptions';
