/** The longest name of a file, in characters. */
const LONGEST = 120;

/**
 * The header that makes browsers store content as a file, and never show it. The name may come from a message: it cannot
 * leave the folder of downloads, is not hidden, and ends no header. Characters other than ASCII are in `filename*` only.
 */
export function attachment(name: string): string {
  const safe = name
    // Separators of paths, characters that Windows refuses, and what is invisible or changes the direction of text.
    .replace(/[/\\:*?"<>|%\p{C}\p{Zl}\p{Zp}]/gu, '_')
    .replace(/^[.\s]+|[.\s]+$/g, '_');
  // A pair of surrogates may be cut into two.
  const short = safe.slice(-LONGEST).replace(/^\p{Cs}/u, '') || 'download';
  const ascii = short.replace(/[^\w .()-]/g, '_');
  const header = `attachment; filename="${ascii}"`;
  return ascii === short ? header : `${header}; filename*=UTF-8''${encoded(short)}`;
}

/** Encoded as RFC 8187 requires. */
function encoded(name: string): string {
  return encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16)}`,
  );
}
