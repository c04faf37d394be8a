/** How long an event may come behind an answer that knows of it: the parts of an answer are read one after another. */
export const SETTLING_MS = 1_000;
