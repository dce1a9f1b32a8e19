import type { ComponentChildren, JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useBoard } from '../state/board.js';
import type { Loaded } from '../state/use-view.js';
import { visible, visibleLine } from '../text/visible.js';

let isFirst = true;

/** A view with its heading, which gets the focus when the user opens the view. */
export function Screen({
  title,
  up,
  children,
}: {
  readonly title: string;
  /** The link to the view above. */
  readonly up?: { readonly title: string; readonly href: string };
  readonly children: ComponentChildren;
}): JSX.Element {
  const { session } = useBoard();
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    document.title = `${visibleLine(title, 80)} – ${visibleLine(session.title, 80)}`;
    // When the page opens, the focus stays at its beginning.
    if (!isFirst) heading.current?.focus();
    isFirst = false;
  }, [title]);
  return (
    <>
      {up !== undefined && (
        <p class="up">
          <a href={up.href}>{visibleLine(up.title)}</a>
        </p>
      )}
      <h1 ref={heading} tabIndex={-1}>
        {visibleLine(title)}
      </h1>
      {children}
    </>
  );
}

/** The content of a view that is read from the server, or why it cannot be read. */
export function Content<Result>({
  loaded: { data, error, reload },
  children,
}: {
  readonly loaded: Loaded<Result>;
  readonly children: (data: Result) => ComponentChildren;
}): JSX.Element {
  return (
    <>
      {error !== '' && (
        <div class="failure" role="alert">
          <p>{visible(error)}</p>
          <button type="button" onClick={reload}>
            Try again
          </button>
        </div>
      )}
      {data === undefined ? error === '' && <p class="quiet">Loading …</p> : children(data)}
    </>
  );
}
