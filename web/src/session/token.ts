// The token of somebody who signed in here: kept for as long as the tab is open, and read as far as the page has to.

const KEY = 'confab.token';

export interface Claims {
  readonly user: string;
  readonly name: string | null;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

export function keptToken(): string | null {
  return sessionStorage.getItem(KEY);
}

export function keepToken(token: string | null): void {
  if (token === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, token);
}

/** As people paste it: with or without `Bearer`. */
export const trimmed = (text: string): string => text.trim().replace(/^bearer\s+/i, '');

/** What a token says of itself, unchecked; null for what is none. The server is the judge. */
export function read(token: string): Claims | null {
  try {
    const [, body = ''] = token.split('.');
    const bytes = Uint8Array.from(atob(body.replace(/-/g, '+').replace(/_/g, '/')), (it) => it.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown; name?: unknown; exp?: unknown };
    if (typeof claims.exp !== 'number' || claims.sub === undefined) return null;
    return { user: String(claims.sub), name: typeof claims.name === 'string' ? claims.name : null, expires: claims.exp * 1000 };
  } catch {
    return null;
  }
}
