import type { Transport } from '../transport.js';

/** Everything over one WebSocket to `/graphql`. `webSocket` is the class where there is no global one. */
export declare function graphql(options?: { readonly webSocket?: typeof WebSocket }): Transport;
