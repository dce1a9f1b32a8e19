import type { JSX } from 'preact';
import { visible } from '../text/visible.js';

/** What happened last. */
export interface Notice {
  /** Differs for each, so that equal texts are announced again. */
  readonly id: number;
  readonly text: string;
  readonly isFailure: boolean;
}

/** Shows and announces successes and failures. Both regions always exist, because screen readers watch existing ones. */
export function MessagesBar({
  notice,
  onClose,
}: {
  readonly notice: Notice | undefined;
  readonly onClose: () => void;
}): JSX.Element {
  const shown = (isFailure: boolean): JSX.Element | false =>
    notice?.isFailure === isFailure && (
      <div key={notice.id} class={isFailure ? 'failure' : 'success'}>
        <p>{visible(notice.text)}</p>
        <button type="button" aria-label="Close the message" onClick={onClose}>
          ×
        </button>
      </div>
    );
  return (
    <div class="messages">
      <div role="status">{shown(false)}</div>
      <div role="alert">{shown(true)}</div>
    </div>
  );
}
