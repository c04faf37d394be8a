// Names that nobody else has.

/** 128 bits by chance, as hexadecimal digits. `crypto.randomUUID` is missing on pages without TLS. */
export function randomName(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
