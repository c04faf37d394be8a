// Refusals, as the server says them.

/**
 * What the server says of a refusal; besides, two of this package's own: `DISCONNECTED`, when the connection went away
 * before an answer came (whether it was done is unknown), and `ABORTED`, when the caller gave up.
 */
export type ErrorCode =
  | 'BAD_REQUEST'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'PAYLOAD_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'RATE_LIMITED'
  | 'CURSOR_EXPIRED'
  | 'TIMEOUT'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DISCONNECTED'
  | 'ABORTED'
  | (string & {});

/** A refusal: a code for programs and a sentence for people. */
export class ConfabError extends Error {
  override readonly name = 'ConfabError';
  readonly code: ErrorCode;
  /** With `RATE_LIMITED`: after how many seconds to try again. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, retryAfterSeconds?: number) {
    super(message);
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

const INTERRUPTIONS: ReadonlySet<string> = new Set([
  'DISCONNECTED',
  'UNAUTHENTICATED',
  'RATE_LIMITED',
  'TIMEOUT',
  'INTERNAL',
  'UNAVAILABLE',
]);

/** Whether the same may succeed later: the connection, the server or a limit was in the way, not what was asked for. */
export function isInterruption(error: unknown): boolean {
  return !(error instanceof ConfabError) || INTERRUPTIONS.has(error.code);
}
