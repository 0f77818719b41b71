/** A value does not have the shape the Dispatch contract gives it. */
export class WireError extends Error {
  override name = "WireError";
}

/** A value carries a discriminator that its union does not know. */
export class UnknownVariantError extends WireError {
  override name = "UnknownVariantError";
}
