/** Texts that are the same in YAML without quotes: not a number, a boolean, `null`, or a text with indicators. */
const PLAIN = /^(?!(?:true|false|null|yes|no|on|off|y|n)$)[A-Za-z][\w./-]*$/i;

/** A JSON value as YAML in block style. Each text that YAML could read as something else is in quotes. */
export function toYaml(value: unknown): string {
  return `${block(value, '').trimStart()}\n`;
}

/** The value behind `key:` or `-`, with the space or the line end in front of it. */
function block(value: unknown, indentation: string): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []';
    return value.map((each) => `\n${indentation}-${item(each, `${indentation}  `)}`).join('');
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, each]) => each !== undefined);
    if (members.length === 0) return ' {}';
    return members
      .map(([key, each]) => `\n${indentation}${scalar(key)}:${block(each, `${indentation}  `)}`)
      .join('');
  }
  return ` ${scalar(value)}`;
}

/** The first member of an object in a list is on the line of its dash. */
function item(value: unknown, indentation: string): string {
  const text = block(value, indentation);
  return text.startsWith(`\n${indentation}`) ? ` ${text.slice(1 + indentation.length)}` : text;
}

function scalar(value: unknown): string {
  if (typeof value === 'string' && PLAIN.test(value)) return value;
  // Every JSON text is a YAML text in double quotes.
  return JSON.stringify(value) ?? 'null';
}
