import type { Buffer } from 'node:buffer';
import type { ClientProtocol, ClientSubscription } from './client-protocol.js';
import type { MessageSink } from './message-parser.js';
import type { Wire } from './wire.js';
import { WireMessage } from './wire-message.js';

/** Who receives the messages of a link: the subscriptions made over a wire, and else the client's. */
export class Receivers implements MessageSink {
  private readonly bySid = new Map<number, ClientSubscription>();

  constructor(
    private readonly protocol: ClientProtocol,
    private readonly wire: Wire,
  ) {}

  add(sid: number, subscription: ClientSubscription): void {
    this.bySid.set(sid, subscription);
  }

  remove(sid: number): void {
    this.bySid.delete(sid);
  }

  onMessage(
    sid: number,
    line: Buffer,
    subjectStart: number,
    subjectEnd: number,
    replyStart: number,
    replyEnd: number,
    body: Buffer,
    bodyStart: number,
    headersLength: number,
    bodyEnd: number,
  ): void {
    const { protocol } = this;
    const receiver = this.bySid.get(sid);
    if (receiver === undefined) {
      const message = {
        sid,
        subject: line.subarray(subjectStart, subjectEnd),
        reply: replyEnd > replyStart ? line.subarray(replyStart, replyEnd) : undefined,
        hdr: headersLength > 0 ? headersLength : -1,
        size: bodyEnd - bodyStart,
      };
      return protocol.processMsg(message, body.subarray(bodyStart, bodyEnd));
    }
    protocol.inMsgs++;
    protocol.inBytes += bodyEnd - bodyStart;
    if (receiver.isClosed()) return;
    receiver.received++;
    receiver.callback(
      null,
      new WireMessage(
        this.wire,
        sid,
        line,
        subjectStart,
        subjectEnd,
        replyStart,
        replyEnd,
        body,
        bodyStart,
        headersLength,
        bodyEnd,
      ),
    );
  }
}
