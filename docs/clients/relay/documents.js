graphql`
  query documentsStartQuery {
    sync { cursor }
    conversations(first: 50) { nodes { id nodeId name } }
  }
`;

graphql`
  query documentsLogQuery($id: ID!, $last: Int!, $before: String) {
    conversation(id: $id) {
      messages(last: $last, before: $before) @connection(key: "documents_messages", filters: []) {
        edges { node { nodeId content sender { name } } }
      }
    }
  }
`;

graphql`
  subscription documentsEventsSubscription($after: String, $connections: [ID!]!) {
    events(after: $after) {
      cursor
      ... on MessageEvent {
        edge @appendEdge(connections: $connections) { cursor node { nodeId content sender { name } } }
      }
    }
  }
`;

graphql`
  mutation documentsSendMutation($input: SendMessageInput!) {
    sendMessage(input: $input) { nodeId }
  }
`;
