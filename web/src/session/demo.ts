// The people of the demo, whose tokens the server gives to its own page.
import { server } from '../about';

export interface DemoPerson {
  readonly id: string;
  readonly name: string;
  readonly token: string;
}

/** Rejects with the server's sentence where it does not give them. */
export async function demoPeople(): Promise<readonly DemoPerson[]> {
  const answer = await fetch(`${server}/demo/people`, { method: 'POST', headers: { accept: 'application/json' } });
  const said = (await answer.json()) as unknown;
  if (!answer.ok) throw new Error((said as { error?: string }).error ?? `The server answered ${answer.status}`);
  return (said as { id: number; name: string; token: string }[]).map((it) => ({ ...it, id: String(it.id) }));
}
