// Names that nobody else has.

/** 128 bits by chance, as four numbers. `crypto.randomUUID` is missing on pages without TLS. */
export function randomName(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-');
}
