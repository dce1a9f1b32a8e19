export interface Order {
  readonly id: number;
  readonly customer: string;
  readonly total: number;
}
