import type { JSX } from 'preact';
import type { FlowNode } from '../../../../lib/board/model/index.js';
import { type FlowLayout, NODE_HEIGHT, NODE_WIDTH } from '../../flow/layout.js';
import { useLink } from '../../state/board.js';
import { visibleLine } from '../../text/visible.js';

const LONGEST_LABEL = 24;

/** The flow as a graph. Its nodes are links; the table has its content for screen readers. */
export function FlowPicture({
  layout: { edges, height, nodes, width },
}: {
  readonly layout: FlowLayout;
}): JSX.Element {
  const link = useLink();
  const addressOf = ({ kind, label }: FlowNode): string | undefined => {
    if (kind === 'stream') return link(['streams', label]);
    if (kind === 'handler') return link(['handlers', label]);
    if (kind === 'bucket') return link(['buckets', label]);
    return kind === 'dead-letters' ? link(['dead-letters']) : undefined;
  };
  return (
    <div class="scroll flow" role="region" aria-label="Picture of the flow" tabIndex={0}>
      <svg
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="group"
        aria-label="Streams and handlers"
      >
        <defs>
          <marker
            id="arrow"
            viewBox="0 0 8 8"
            refX="8"
            refY="4"
            markerWidth="8"
            markerHeight="8"
            orient="auto"
          >
            <path d="M0 0 L8 4 L0 8 Z" />
          </marker>
        </defs>
        {edges.map(({ from, kind, path, subject, to }) => (
          <path
            key={JSON.stringify([from, to, kind, subject])}
            class={`edge ${kind}`}
            d={path}
            marker-end="url(#arrow)"
            aria-hidden
          />
        ))}
        {nodes.map((node) => {
          const address = addressOf(node);
          const box = <NodeBox node={node} />;
          return (
            <g key={node.id} transform={`translate(${node.x} ${node.y})`}>
              {address === undefined ? box : <a href={address}>{box}</a>}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

function NodeBox({ node: { kind, label } }: { readonly node: FlowNode }): JSX.Element {
  const text = visibleLine(label, 200);
  return (
    <>
      <title>{`${text} (${kind})`}</title>
      <rect class={`node ${kind}`} width={NODE_WIDTH} height={NODE_HEIGHT} rx={kind === 'handler' ? 20 : 4} />
      <text x={NODE_WIDTH / 2} y={NODE_HEIGHT / 2} text-anchor="middle" dominant-baseline="central">
        {text.length > LONGEST_LABEL ? `${text.slice(0, LONGEST_LABEL - 1)}…` : text}
      </text>
    </>
  );
}
