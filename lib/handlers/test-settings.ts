/** The injection token of `TestSettings`; its value is `null` unless a test kit overrides the provider. */
export const TEST_SETTINGS = 'JETSTREAM_TEST_SETTINGS';
