/** A parcel that a customer sends. */
export interface Parcel {
  readonly id: number;
  readonly city: string;
  readonly grams: number;
}
