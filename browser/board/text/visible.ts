/**
 * Characters that a browser does not show, or that change the order of others: controls except tab and line feed, invisible
 * format characters except those that join letters and emoji, line separators, and halves of surrogate pairs.
 */
const HIDDEN = /(?![\t\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Text from a server with every character visible. It is shown as text, so markup in it has no effect. */
export function visible(text: string): string {
  return text.replace(HIDDEN, pictureOf);
}

/** The same on one line, and cut if it is longer than a cell can show. */
export function visibleLine(text: string, limit = 500): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}… (${text.length} characters)` : text;
  return visible(cut).replaceAll('\t', '␉').replaceAll('\n', '␤');
}

function pictureOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '␡';
  return `\\u{${code.toString(16)}}`;
}
