import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Field } from './field.js';

/** A field of a filter. */
export interface FilterField {
  readonly name: string;
  readonly label: string;
  readonly isTime?: boolean;
  readonly placeholder?: string;
}

type Values = Readonly<Record<string, string>>;

/** A form that filters a list. The values are part of the address. */
export function Filters({
  label,
  fields,
  values,
  onApply,
}: {
  readonly label: string;
  readonly fields: readonly FilterField[];
  readonly values: Values;
  readonly onApply: (values: Values) => void;
}): JSX.Element {
  const [draft, setDraft] = useState(values);
  const key = JSON.stringify(values);
  useEffect(() => setDraft(JSON.parse(key) as Values), [key]);
  return (
    <form
      class="filters"
      role="search"
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        onApply(draft);
      }}
    >
      {fields.map(({ name, label: title, isTime = false, placeholder }) => (
        <Field
          key={name}
          label={title}
          value={draft[name] ?? ''}
          onValue={(value) => setDraft({ ...draft, [name]: value })}
          isTime={isTime}
          placeholder={placeholder}
        />
      ))}
      <p class="buttons">
        <button type="submit" class="primary">
          Filter
        </button>
        <button type="button" onClick={() => onApply({})}>
          Clear
        </button>
      </p>
    </form>
  );
}
