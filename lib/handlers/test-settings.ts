/** The injection token of `TestSettings`; its value is `null` unless a test kit overrides the provider. */
export const TEST_SETTINGS = 'JETSTREAM_TEST_SETTINGS';

/** The part of a configuration that needs several servers. */
interface Replicated {
  readonly replicas?: number | undefined;
  readonly placement?: unknown;
}

/** A configuration for the single server of a test kit. */
export function forOneServer<Config extends object>(config: Config): Config {
  const { replicas, placement }: Replicated = config;
  const changes = {
    ...(replicas !== undefined && replicas > 1 && { replicas: 1 }),
    ...(placement !== undefined && { placement: undefined }),
  };
  return Object.keys(changes).length === 0 ? config : { ...config, ...changes };
}
