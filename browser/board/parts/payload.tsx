import type { JSX } from 'preact';
import type { ShownHeaders, ShownPayload } from '../../../lib/board/model/index.js';
import { useBoard } from '../state/board.js';
import { bytes } from '../text/format.js';
import { visible, visibleLine } from '../text/visible.js';

/** A payload as text. */
export function Payload({
  payload,
  file,
}: {
  readonly payload: ShownPayload;
  /** The address of the whole payload. */
  readonly file?: string;
}): JSX.Element {
  const { session } = useBoard();
  const { content, form, masked, size, truncated } = payload;
  return (
    <>
      <p class="quiet">
        {form === 'base64' ? 'Not text, shown as base64' : form === 'json' ? 'Decoded' : 'Text'},{' '}
        {bytes(size)}
        {truncated && ', only its beginning is shown'}
        {masked && ', masked'}
        {file !== undefined && session.download && !masked && (
          <>
            {' · '}
            <a href={file} download>
              Download
            </a>
          </>
        )}
      </p>
      <pre tabIndex={0} role="group" aria-label="Payload">
        {form === 'json' ? visible(indented(content)) : visible(content)}
      </pre>
    </>
  );
}

/** The headers of a message. */
export function HeaderList({ headers }: { readonly headers: ShownHeaders }): JSX.Element {
  if (headers.length === 0) return <p class="quiet">No headers.</p>;
  return (
    <dl class="facts" aria-label="Headers">
      {headers.map(([name, values]) => (
        <div key={name}>
          <dt>{visibleLine(name)}</dt>
          {values.map((value, index) => (
            <dd key={index}>{visibleLine(value, 2_000)}</dd>
          ))}
        </div>
      ))}
    </dl>
  );
}

/** JSON that was cut is not complete, and stays as it is. */
function indented(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), undefined, 2);
  } catch {
    return json;
  }
}
