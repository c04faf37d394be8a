// A small chat of the hooks, for React and for preact/compat alike.
import { createElement, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { connect } from '../../dist/index.js';
import * as hooks from '../../dist/react.js';

const { ConfabProvider, useConfab, useConnection, useConversation, useConversations, useMessages, useOutbox, usePresence, useReadMarkers, useThread, useTyping, useUnread } = hooks;

function Conversations({ open }) {
  const { items, isLoaded } = useConversations();
  const unread = useUnread();
  return (
    <nav data-loaded={isLoaded} data-unread={unread.total}>
      {items.map((it) => (
        <button key={it.id} data-id={it.id} data-unread={it.unreadCount} onClick={() => open(it.id)}>
          {it.name}
        </button>
      ))}
    </nav>
  );
}

function Messages({ id }) {
  const chat = useConfab();
  const conversation = useConversation(id);
  const { items, isLoaded, hasOlder, loadOlder } = useMessages(id);
  const typing = useTyping(id);
  const markers = useReadMarkers(id);
  const [text, setText] = useState('');
  const submit = (event) => {
    event.preventDefault();
    chat.send({ conversationId: id, content: text });
    setText('');
  };
  const type = (event) => {
    setText(event.target.value);
    chat.setTyping(id, true);
  };
  return (
    <main data-loaded={isLoaded} data-markers={markers.length}>
      <h1>{conversation?.name}</h1>
      {hasOlder && <button id="older" onClick={loadOlder}>Older</button>}
      <ol>
        {items.map((it) => (
          <li key={it.key} data-state={it.state} data-id={it.id}>
            {it.content}
          </li>
        ))}
      </ol>
      <p id="typing">{typing.map((it) => it.userName).join(', ')}</p>
      <form onSubmit={submit}>
        <input name="text" value={text} onInput={type} onChange={() => {}} />
      </form>
      <Thread id="1" />
    </main>
  );
}

function Thread({ id }) {
  const { parent, replies } = useThread(id);
  return <aside data-replies={replies.length}>{parent?.content}</aside>;
}

function Status() {
  const { status } = useConnection();
  const bob = usePresence('2');
  const waiting = useOutbox();
  return <header data-status={status} data-bob={bob?.status} data-waiting={waiting.length} />;
}

function App() {
  const [id, open] = useState(null);
  return [<Status key="s" />, <Conversations key="c" open={open} />, id && <Messages key={id} id={id} />];
}

window.chat = connect({ getToken: () => window.TOKEN, storage: localStorage });
createRoot(document.getElementById('app')).render(
  <ConfabProvider client={window.chat}>
    <App />
  </ConfabProvider>,
);
