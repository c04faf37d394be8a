// Tokens that a server has to refuse.

/** The same token with another person's id in it: its signature no longer fits. */
export function forged(token, sub) {
  const [head, body, signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
  claims.sub = typeof claims.sub === 'number' ? sub : String(sub);
  return [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
}

/** The same claims, signed by nobody. */
export function unsigned(token) {
  const head = Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT' })).toString('base64url');
  return `${head}.${token.split('.')[1]}.`;
}

export const wrongTokens = (token) => ({
  missing: undefined,
  empty: '',
  garbage: 'not-a-token',
  forged: forged(token, 1),
  unsigned: unsigned(token),
});
