import type { Codec } from './codec.js';

/** The part of a message's headers that describes its payload. */
export interface ContentHeaders {
  get(name: string): string;
}

/** Selects the codec for a message by its headers. */
export type CodecSelector = (headers: ContentHeaders | undefined) => Codec;

/**
 * Creates a function that selects the codec for a message by its `Content-Type` header. The fallback is used for a
 * message without that header, or with a type that none of the codecs has.
 *
 * @param codecs the available codecs; if two have the same type, the first one is used
 */
export function createCodecSelector(codecs: readonly Codec[], fallback: Codec): CodecSelector {
  const byType = new Map<string, Codec>();
  for (const codec of [...codecs, fallback]) {
    const type = mediaType(codec.contentType);
    if (!byType.has(type)) byType.set(type, codec);
  }
  return (headers) => {
    const contentType = headers?.get('Content-Type');
    return contentType
      ? (byType.get(contentType) ?? byType.get(mediaType(contentType)) ?? fallback)
      : fallback;
  };
}

/** A media type without its parameters, such as `; charset=utf-8`, in lower case. */
export function mediaType(contentType: string): string {
  return contentType.split(';', 1)[0].trim().toLowerCase();
}
