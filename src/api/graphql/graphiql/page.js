// The GraphiQL page: a field for the token, and GraphiQL wired to this server's own address.
// Queries and mutations go over HTTP, subscriptions over a WebSocket; both carry the token of the field.
'use strict';

(() => {
  // The page is served at the address of the GraphQL endpoint itself, so behind any prefix it asks the right place.
  const endpoint = new URL(location.pathname, location.origin);
  const socketEndpoint = new URL(endpoint);
  socketEndpoint.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';

  const TOKEN_KEY = 'confab.token';
  const MISSING = 'There is no token yet: paste one into the field above and press “Use”';

  const examples = [
    '# Ctrl-Enter runs the operation at the cursor,\n# Ctrl-Space completes,\n# the book opens the documentation.\n' +
      'query Me {\n  me {\n    id\n    name\n  }\n}\n',
    'query Inbox {\n  conversations(first: 10) {\n    edges {\n      node {\n        id\n        name\n        unreadCount\n' +
      '        lastMessage {\n          senderName\n          content\n        }\n      }\n    }\n  }\n}\n',
    '# Keep this one running,\n# and send a message from another window.\n' +
      'subscription Listen {\n  messages {\n    id\n    conversationId\n    senderName\n    content\n  }\n}\n',
    'mutation Send {\n  sendMessage(input: { conversationId: 1, content: "Hello, everyone!" }) {\n    id\n    createdAt\n  }\n}\n',
  ];

  // ---- the token -------------------------------------------------------------------------------------------------

  const form = document.getElementById('sign-in');
  const field = document.getElementById('token');
  const reveal = document.getElementById('reveal');
  const who = document.getElementById('who');

  /** The bare token, whether it was pasted alone, with `Bearer ` or as a whole header. */
  const bare = (text) =>
    text
      .trim()
      .replace(/^authorization:\s*/i, '')
      .replace(/^bearer\s+/i, '')
      .trim();

  /** Reads `#token=…` once and takes it out of the address, so that it stays in no history and no bookmark. */
  function takeTokenFromAddress() {
    const parameters = new URLSearchParams(location.hash.slice(1));
    const token = parameters.get('token');
    if (token === null) return null;
    parameters.delete('token');
    const rest = parameters.toString();
    history.replaceState(history.state, '', location.pathname + location.search + (rest ? '#' + rest : ''));
    return bare(token);
  }

  // The session's storage ends with the tab. Where a browser refuses storage, the token lives as long as the page.
  const stored = {
    read() {
      try {
        return sessionStorage.getItem(TOKEN_KEY) || '';
      } catch {
        return '';
      }
    },
    write(token) {
      try {
        if (token) sessionStorage.setItem(TOKEN_KEY, token);
        else sessionStorage.removeItem(TOKEN_KEY);
      } catch {
        // Then it is simply not remembered.
      }
    },
  };

  /** What the token says of itself. Only for the eye: the server alone judges it. */
  function describe(token) {
    if (!token) return ['missing', 'No token yet'];
    let claims;
    try {
      const part = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
      claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0))));
    } catch {
      return ['bad', 'This does not look like a JWT'];
    }
    const name = claims.name ? `${claims.name} (${claims.sub})` : `User ${claims.sub}`;
    if (typeof claims.exp !== 'number') return ['good', name];
    const end = new Date(claims.exp * 1000);
    if (end <= new Date()) return ['bad', `${name}, expired ${end.toLocaleString()}`];
    const today = end.toDateString() === new Date().toDateString();
    return ['good', `${name}, until ${today ? end.toLocaleTimeString() : end.toLocaleDateString()}`];
  }

  // ---- the two ways to the server --------------------------------------------------------------------------------

  const failure = (message) => ({ errors: [{ message }] });

  async function overHttp(token, body) {
    let response;
    try {
      response = await fetch(endpoint, {
        method: 'POST',
        headers: {
          Accept: 'application/graphql-response+json, application/json;q=0.9',
          Authorization: `Bearer ${token}`,
          'Content-Type': 'application/json',
        },
        body: JSON.stringify(body),
      });
    } catch {
      return failure('The server cannot be reached');
    }
    try {
      return await response.json();
    } catch {
      return failure(`The server answered ${response.status} ${response.statusText}`.trim());
    }
  }

  /** One socket for one token; it opens with the first subscription and closes with the last. */
  function openSocket(token) {
    return graphqlWs.createClient({
      url: socketEndpoint.href,
      connectionParams: { Authorization: `Bearer ${token}` },
      retryAttempts: 8,
      // A refused token stays refused; everything else that closes a socket may pass.
      shouldRetry: (event) => isClose(event) && event.code !== 4403,
    });
  }

  const isClose = (event) => typeof event === 'object' && event !== null && 'code' in event && 'reason' in event;

  /** What ended a subscription, as a result that GraphiQL can show. */
  function ending(error) {
    if (Array.isArray(error)) return { errors: error };
    if (isClose(error)) {
      const said = error.reason ? `: ${error.reason}` : '';
      if (error.code === 4403) {
        return failure(`The server refused the token, which is wrong or has expired (the socket was closed with 4403${said})`);
      }
      if (error.code === 1006) return failure('The connection was lost, or the server cannot be reached');
      return failure(`The server closed the socket with ${error.code}${said}`);
    }
    return failure(error && error.message ? error.message : 'The subscription failed');
  }

  /** The results of a subscription. No generator: its `return` would wait for the next result before it stops. */
  function overSocket(socket, body) {
    const results = socket.iterate(body);
    let over = false;
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      async next() {
        if (over) return { done: true, value: undefined };
        try {
          return await results.next();
        } catch (error) {
          over = true;
          return { done: false, value: ending(error) };
        }
      },
      return() {
        over = true;
        return results.return();
      },
    };
  }

  function isSubscription(document, name) {
    const operations = document ? document.definitions.filter((it) => it.kind === 'OperationDefinition') : [];
    const chosen = name ? operations.find((it) => it.name && it.name.value === name) : operations[0];
    return chosen !== undefined && chosen.operation === 'subscription';
  }

  function fetcherFor(token, socket) {
    return (body, options) => {
      if (!token) return failure(MISSING);
      if (isSubscription(options && options.documentAST, body.operationName)) return overSocket(socket, body);
      return overHttp(token, body);
    };
  }

  // ---- the page --------------------------------------------------------------------------------------------------

  const root = ReactDOM.createRoot(document.getElementById('graphiql'));
  let socket = null;

  function use(token) {
    stored.write(token);
    field.value = token;
    const [state, text] = describe(token);
    who.dataset.state = state;
    who.textContent = text;

    if (socket) socket.dispose();
    socket = token ? openSocket(token) : null;
    root.render(
      React.createElement(GraphiQL, {
        fetcher: fetcherFor(token, socket),
        defaultTabs: examples.map((query) => ({ query })),
        defaultEditorToolsVisibility: false,
        // There is one place for the token, the field above, because a socket cannot take headers.
        isHeadersEditorEnabled: false,
        shouldPersistHeaders: false,
      }),
    );
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    use(bare(field.value));
  });

  reveal.addEventListener('click', () => {
    const shown = field.type === 'text';
    field.type = shown ? 'password' : 'text';
    reveal.textContent = shown ? 'Show' : 'Hide';
    reveal.setAttribute('aria-pressed', String(!shown));
  });

  // A link with another token, opened in this very tab, changes only the fragment and loads nothing anew.
  addEventListener('hashchange', () => {
    const token = takeTokenFromAddress();
    if (token !== null) use(token);
  });

  const given = takeTokenFromAddress();
  use(given === null ? stored.read() : given);
  if (!field.value) field.focus();
})();
