/** The injection token of the options of `forRoot`, inside the module that they create. */
export const JETSTREAM_MODULE_OPTIONS = 'JETSTREAM_MODULE_OPTIONS';

/** The method of `useClass` and `useExisting` that creates the options. */
export const OPTIONS_METHOD = 'createJetStreamOptions';
