import type { JSX } from 'preact';
import { fileAddress } from '../../api/requests.js';
import { Facts } from '../../parts/facts.js';
import { HeaderList, Payload } from '../../parts/payload.js';
import { Content, Screen } from '../../parts/screen.js';
import { TextBlock } from '../../parts/text-block.js';
import { When } from '../../parts/when.js';
import { useBoard, useLink, useMay } from '../../state/board.js';
import type { Route } from '../../state/route.js';
import { goTo } from '../../state/use-route.js';
import { useView } from '../../state/use-view.js';
import { count } from '../../text/format.js';
import { visibleLine } from '../../text/visible.js';
import { DeadLetterCommands } from './dead-letter-commands.js';
import { EditForm } from './edit-form.js';

/** A dead letter with its error and its original. */
export function DeadLetter({ route: { path } }: { readonly route: Route }): JSX.Element {
  const { connection } = useBoard();
  const link = useLink();
  const may = useMay();
  const [, sequence = ''] = path;
  const loaded = useView('dead-letter', { connection, sequence });
  const list = link(['dead-letters']);
  const leave = (): void => goTo(list);
  return (
    <Screen title={`Dead letter ${sequence}`} up={{ title: 'Dead letters', href: list }}>
      <Content loaded={loaded}>
        {(letter) => (
          <>
            <Facts
              facts={[
                ['Subject', visibleLine(letter.subject)],
                ['Handler', visibleLine(letter.handler)],
                ['Reason', visibleLine(letter.reason)],
                ['Deliveries', count(letter.deliveries)],
                ['Stream', <a href={link(['streams', letter.stream])}>{visibleLine(letter.stream)}</a>],
                ['Consumer', visibleLine(letter.consumer)],
                ['Sequence in the stream', String(letter.streamSequence)],
                ['Published', <When time={letter.published} />],
                ['Stored as dead letter', <When time={letter.time} />],
                ['Payload kept', letter.omitted ? 'only in the stream of the original' : undefined],
              ]}
            />
            <p>
              <DeadLetterCommands letter={letter} canCallHandler={letter.canCallHandler} after={leave} />
            </p>
            <section>
              <h2>Error</h2>
              <TextBlock label="Error" text={letter.error} />
              {letter.stack !== undefined && (
                <details>
                  <summary>Stack</summary>
                  <TextBlock label="Stack" text={letter.stack} />
                </details>
              )}
            </section>
            <section>
              <h2>Message</h2>
              <HeaderList headers={letter.message.headers} />
              <Payload
                payload={letter.message.payload}
                file={fileAddress('dead-letter', { connection, sequence })}
              />
            </section>
            {may('edit-and-replay') && <EditForm key={letter.time} letter={letter} after={leave} />}
          </>
        )}
      </Content>
    </Screen>
  );
}
