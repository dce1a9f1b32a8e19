/** An order of a customer. */
export interface Order {
  readonly id: number;
  readonly city: string;
}
