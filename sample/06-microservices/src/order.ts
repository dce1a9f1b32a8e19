/** The request of a customer to the gateway. */
export interface OrderRequest {
  readonly article: string;
  readonly quantity: number;
}

/** The event that every consumer of the stream of events receives. */
export interface OrderPlaced extends OrderRequest {
  readonly id: string;
  readonly price: number;
}

/** One line of an order's progress. */
export interface Progress {
  readonly id: string;
  readonly step: 'packed' | 'collected' | 'delivered';
}
