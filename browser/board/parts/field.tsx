import type { JSX } from 'preact';

/** A labelled field for text or, with seconds, for a time. */
export function Field({
  label,
  value,
  onValue,
  isTime = false,
  isRequired = false,
  placeholder,
}: {
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly isTime?: boolean;
  readonly isRequired?: boolean;
  readonly placeholder?: string | undefined;
}): JSX.Element {
  return (
    <label class="field">
      {label}
      {isTime ? (
        <input
          type="datetime-local"
          step={1}
          value={value}
          required={isRequired}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      ) : (
        <input
          type="text"
          value={value}
          required={isRequired}
          placeholder={placeholder}
          autoComplete="off"
          spellcheck={false}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
    </label>
  );
}
