import type { Codec } from './codec.js';

/** The part of a message's headers that says what its payload is. */
export interface ContentHeaders {
  get(name: string): string;
}

/** Chooses the codec for a message by its headers. */
export type CodecSelector = (headers: ContentHeaders | undefined) => Codec;

/**
 * Makes a function that chooses the codec for a message by its `Content-Type` header. A message without that header,
 * or of a type that none of the codecs makes, is for the fallback.
 *
 * @param codecs what to choose from; of two with the same type the first is taken
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
