// A chat of React and @confab/client. The page gives the address of the server and a token as `window.confab`.
import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import { connect } from '@confab/client';
import { ConfabProvider, useConfab, useConnection, useConversations, useMessages } from '@confab/client/react';

const chat = connect({ url: window.confab.url, getToken: () => window.confab.token, storage: localStorage });

function Chat() {
  const { items: conversations } = useConversations();
  const { status } = useConnection();
  const [chosen, choose] = useState();
  const id = chosen ?? conversations[0]?.id;
  return (
    <>
      <nav>
        {conversations.map((it) => (
          <button key={it.id} onClick={() => choose(it.id)}>
            {it.name} {it.unreadCount > 0 && `(${it.unreadCount})`}
          </button>
        ))}
      </nav>
      {id && <Log key={id} id={id} />}
      {status !== 'online' && <p role="status">{status}</p>}
    </>
  );
}

function Log({ id }) {
  const chat = useConfab();
  const { items, hasOlder, loadOlder } = useMessages(id);
  const [content, setContent] = useState('');
  const submit = (event) => {
    event.preventDefault();
    chat.send({ conversationId: id, content });
    setContent('');
  };
  return (
    <main>
      {hasOlder && <button onClick={loadOlder}>Older</button>}
      <ol>
        {items.map((it) => (
          <li key={it.key} className={it.state}>
            {it.senderName}: {it.content}
          </li>
        ))}
      </ol>
      <form onSubmit={submit}>
        <input value={content} onChange={(event) => setContent(event.target.value)} />
      </form>
    </main>
  );
}

createRoot(document.getElementById('chat')).render(
  <ConfabProvider client={chat}>
    <Chat />
  </ConfabProvider>,
);
