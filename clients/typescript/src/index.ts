// @confab/client: a store of a user's conversations that follows the server, and what can be done there.
export * from './api.js';
export * from './model.js';
export * from './transport.js';
export { connect } from './connect.js';
export { isAfter } from './cursor.js';
export { ConfabError, isInterruption, type ErrorCode } from './errors.js';
export { graphql } from './graphql/transport.js';
export { Cell, type Readable } from './observable.js';
export { marks } from './snippet.js';
