// A client for somebody, over one of the two ways to the server.
import { connect, graphql, type Confab, type ConnectOptions, type Transport } from '@confab/client';
import { server } from '../about';
import { stomp } from '../stomp/transport';
import { shelf } from './shelf';

export const WAYS = ['GraphQL', 'STOMP'] as const;
export type Way = (typeof WAYS)[number];

const KEY = 'confab.way';

export function transportOf(way: Way): Transport {
  return way === 'STOMP' ? stomp() : graphql();
}

/** The way that was chosen last in this tab. */
export function keptWay(user: string): Way {
  return sessionStorage.getItem(`${KEY}.${user}`) === 'STOMP' ? 'STOMP' : 'GraphQL';
}

export function keepWay(user: string, way: Way): void {
  sessionStorage.setItem(`${KEY}.${user}`, way);
}

export function open(user: string, getToken: ConnectOptions['getToken']): Confab {
  return connect({ url: server, getToken, storage: shelf(user), transport: transportOf(keptWay(user)) });
}
