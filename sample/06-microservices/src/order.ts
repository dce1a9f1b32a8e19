/** What a customer sends to the gateway. */
export interface OrderRequest {
  readonly article: string;
  readonly quantity: number;
}

/** What everyone hears of who consumes the stream of events. */
export interface OrderPlaced extends OrderRequest {
  readonly id: string;
  readonly price: number;
}

/** One line of an order's progress. */
export interface Progress {
  readonly id: string;
  readonly step: 'packed' | 'collected' | 'delivered';
}
