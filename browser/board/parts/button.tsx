import type { ComponentChildren, JSX } from 'preact';

/** A button. While it is busy, it keeps the focus and does nothing. */
export function Button({
  children,
  label,
  isBusy = false,
  isDangerous = false,
  onClick,
}: {
  readonly children: ComponentChildren;
  /** Its name for screen readers, if the visible text needs its row to be understood. It contains the visible text. */
  readonly label?: string;
  readonly isBusy?: boolean;
  readonly isDangerous?: boolean;
  readonly onClick: () => unknown;
}): JSX.Element {
  return (
    <button
      type="button"
      class={isDangerous ? 'danger' : ''}
      aria-label={label}
      aria-disabled={isBusy}
      onClick={() => {
        if (!isBusy) onClick();
      }}
    >
      {children}
    </button>
  );
}
