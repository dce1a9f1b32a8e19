/** Texts that are the same in YAML without quotes: not a number, a boolean, `null`, or a text with indicators. */
const PLAIN = /^(?!(?:true|false|null|yes|no|on|off|y|n)$)[A-Za-z$][\w./-]*(?: [\w./-]+)*$/i;
/** A line of a text that needs no escapes, without a space at its end. */
const LINE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u;
/** The longest key before a colon is 1,024 characters long. */
const LONGEST_KEY = 1_000;

/**
 * A JSON value as YAML. Each text that YAML could read as something else is in quotes, and texts of several lines are blocks.
 *
 * The package `yaml` is not used for this: it takes seconds for a document of thousands of messages, in which a server could
 * do nothing else.
 */
export function yamlText(value: unknown): string {
  return `${valueText(value, '').trimStart()}\n`;
}

/** The value behind `key:` or `-`, with the space or the line end in front of it. */
function valueText(value: unknown, indentation: string): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []';
    return value.map((each) => `\n${indentation}-${itemText(each, `${indentation}  `)}`).join('');
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, each]) => each !== undefined);
    if (members.length === 0) return ' {}';
    return members
      .map(([key, each]) => {
        const name = keyText(key, indentation);
        return `\n${indentation}${name}:${valueText(each, `${indentation}  `)}`;
      })
      .join('');
  }
  if (typeof value !== 'string') return ` ${JSON.stringify(value) ?? 'null'}`;
  return indentation === '' || !isBlock(value) ? ` ${scalar(value)}` : blockText(value, indentation);
}

/** The first member of an object in a list is on the line of its dash. */
function itemText(value: unknown, indentation: string): string {
  const text = valueText(value, indentation);
  return text.startsWith(`\n${indentation}`) ? ` ${text.slice(1 + indentation.length)}` : text;
}

function keyText(key: string, indentation: string): string {
  const text = scalar(key);
  return text.length > LONGEST_KEY ? `? ${text}\n${indentation}` : text;
}

function isBlock(text: string): boolean {
  if (!text.includes('\n') || /^\s|\n$/.test(text)) return false;
  return text.split('\n').every((line) => line === '' || LINE.test(line));
}

function blockText(text: string, indentation: string): string {
  const lines = text.split('\n').map((line) => (line === '' ? '' : indentation + line));
  return ` |-\n${lines.join('\n')}`;
}

/** A text on one line. Every JSON text is a YAML text in double quotes. */
function scalar(text: string): string {
  return PLAIN.test(text) ? text : JSON.stringify(text);
}
