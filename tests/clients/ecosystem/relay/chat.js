// What an application asks through Relay. relay-compiler reads it and writes what relay-runtime runs.
graphql`
  query chatApartQuery {
    me { name }
    user(id: 1) { name }
    conversation(id: 1) { name lastMessage { content sender { name } } createdBy { name } }
    message(id: 1) { content conversation { name } sender { name } }
  }
`;

graphql`
  query chatQuery($id: ID!, $last: Int!) {
    sync { cursor }
    conversation(id: $id) {
      nodeId
      ...chatHead_conversation
      ...chatLog_conversation @arguments(last: $last)
    }
  }
`;

graphql`
  fragment chatHead_conversation on Conversation @refetchable(queryName: "chatHeadRefetchQuery") {
    name
    muted
    unreadCount
  }
`;

graphql`
  fragment chatLog_conversation on Conversation
  @argumentDefinitions(last: { type: "Int", defaultValue: 20 }, before: { type: "String" })
  @refetchable(queryName: "chatLogPaginationQuery") {
    messages(last: $last, before: $before) @connection(key: "chatLog_messages", filters: []) {
      edges { node { content isEdited sender { name } } }
    }
  }
`;

graphql`
  subscription chatEventsSubscription($after: String, $connections: [ID!]!) {
    events(after: $after) {
      cursor
      ... on MessageEvent {
        edge @appendEdge(connections: $connections) {
          cursor
          node { content isEdited sender { name } conversation { unreadCount } }
        }
      }
    }
  }
`;

graphql`
  mutation chatSendMutation($input: SendMessageInput!) {
    sendMessage(input: $input) { content sender { name } }
  }
`;

graphql`
  mutation chatMuteMutation($id: ID!, $muted: Boolean!) {
    setMuted(conversationId: $id, muted: $muted) { muted }
  }
`;
