import type { JSX } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { visibleLine } from '../text/visible.js';
import { Field } from './field.js';

/** A question that the user answers before an action. */
export interface Question {
  readonly title: string;
  /** What will happen, and to what. */
  readonly lines: readonly string[];
  /** The text of the button that does it. */
  readonly confirm: string;
  /** Whether it cannot be undone, or stops work. */
  readonly isDangerous?: boolean;
  /** A time that the user chooses. */
  readonly field?: { readonly label: string; readonly value: string };
}

/** Shows a question in a modal dialog. The browser keeps the focus inside, and returns it afterwards. */
export function AskDialog({
  question,
  answer,
}: {
  readonly question: Question;
  /** Is called once, with `undefined` if the user cancels. */
  readonly answer: (value: string | undefined) => void;
}): JSX.Element {
  const { title, lines, confirm, isDangerous = false, field } = question;
  const dialog = useRef<HTMLDialogElement>(null);
  const [value, setValue] = useState(field?.value ?? '');
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const end = (result: string | undefined): void => {
    // Closed before it is removed, so that the browser returns the focus.
    dialog.current?.close();
    answer(result);
  };
  return (
    <dialog
      ref={dialog}
      aria-labelledby="ask-title"
      aria-describedby="ask-lines"
      onCancel={(event) => {
        event.preventDefault();
        end(undefined);
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          end(value);
        }}
      >
        <h2 id="ask-title">{visibleLine(title)}</h2>
        <div id="ask-lines">
          {lines.map((line) => (
            <p key={line}>{visibleLine(line)}</p>
          ))}
        </div>
        {field !== undefined && (
          <Field label={field.label} value={value} onValue={setValue} isTime isRequired />
        )}
        <p class="buttons">
          <button type="button" autoFocus={isDangerous} onClick={() => end(undefined)}>
            Cancel
          </button>
          <button type="submit" class={isDangerous ? 'danger' : 'primary'}>
            {confirm}
          </button>
        </p>
      </form>
    </dialog>
  );
}
