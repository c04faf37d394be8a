import type { Confab, ConnectOptions } from './api.js';

/** A client of one user, which connects at once. */
export declare function connect(options: ConnectOptions): Confab;
