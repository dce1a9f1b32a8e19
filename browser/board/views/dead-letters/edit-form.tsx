import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { DeadLetterView } from '../../../../lib/board/model/index.js';
import { messageOf } from '../../api/board-error.js';
import { useBoard } from '../../state/board.js';
import { type Deed, useActions } from '../../state/use-action.js';
import { headersOf, linesOf } from '../../text/header-lines.js';

/** Changes the message of a dead letter and publishes it. */
export function EditForm({
  letter: { message, sequence, subject, time },
  after,
}: {
  readonly letter: DeadLetterView;
  readonly after: () => void;
}): JSX.Element {
  const { connection, fail } = useBoard();
  const { askAndRun, isBusy } = useActions(after);
  const { content, form, masked, truncated } = message.payload;
  const original = linesOf(message.headers);
  const [payload, setPayload] = useState(content);
  const [headers, setHeaders] = useState(original);
  const refusal = masked
    ? 'The payload is masked, so it cannot be edited.'
    : truncated
      ? 'The payload is longer than the board shows (option payloads.limit), so it cannot be edited.'
      : undefined;
  const publish = (): void => {
    let changed: ReturnType<typeof headersOf>;
    try {
      changed = headersOf(headers);
    } catch (error) {
      fail(messageOf(error));
      return;
    }
    void askAndRun(
      'edit-and-replay',
      {
        title: 'Publish the changed message?',
        lines: [`It is published to ${subject}, and the dead letter ${sequence} is deleted.`],
        confirm: 'Publish',
        isDangerous: true,
      },
      (): Deed<'edit-and-replay'> => ({
        input: {
          connection,
          sequence,
          time,
          payload: { form: form === 'base64' ? 'base64' : 'text', content: payload },
          // Headers with several lines or spaces at their ends would not survive the text field.
          headers: headers === original ? undefined : changed,
        },
        done: (result) =>
          `Published as ${result.stream} ${result.sequence}; the dead letter ${sequence} is deleted.`,
      }),
    );
  };
  return (
    <section>
      <h2>Edit and replay</h2>
      {refusal !== undefined ? (
        <p class="quiet">{refusal}</p>
      ) : (
        <form
          class="editor"
          onSubmit={(event) => {
            event.preventDefault();
            if (!isBusy) publish();
          }}
        >
          <label class="field">
            Headers, one in each line
            <textarea
              rows={4}
              spellcheck={false}
              value={headers}
              onInput={(event) => setHeaders(event.currentTarget.value)}
            />
          </label>
          <label class="field">
            {form === 'base64' ? 'Payload as base64' : 'Payload as text'}
            <textarea
              rows={10}
              spellcheck={false}
              value={payload}
              onInput={(event) => setPayload(event.currentTarget.value)}
            />
          </label>
          <p class="buttons">
            <button type="submit" class="primary" aria-disabled={isBusy}>
              Publish and drop the dead letter
            </button>
          </p>
        </form>
      )}
    </section>
  );
}
