"""The Python client gql: reads the schema, asks with variables, changes something and hears it, over each of its transports.

Takes the address, the tokens of two people and the transport; prints what came as JSON, a line each.
"""

import asyncio
import json
import sys

from gql import Client, GraphQLRequest, gql
from gql.dsl import DSLQuery, DSLSchema, dsl_gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport
from gql.transport.exceptions import TransportConnectionFailed, TransportError, TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

origin, token, wrong, name = sys.argv[1:]
over_http = origin + "/graphql"
over_socket = over_http.replace("http", "ws", 1)


def websocket(kind, subprotocols, token):
    headers = {"init_payload": {"Authorization": "Bearer " + token}}
    return kind(url=over_socket, subprotocols=subprotocols, **headers)


def http(kind, token):
    return kind(url=over_http, headers={"Authorization": "Bearer " + token})


TRANSPORTS = {
    "websockets": lambda token: websocket(WebsocketsTransport, None, token),
    "websockets graphql-transport-ws": lambda token: websocket(WebsocketsTransport, ["graphql-transport-ws"], token),
    "websockets graphql-ws": lambda token: websocket(WebsocketsTransport, ["graphql-ws"], token),
    "aiohttp websockets": lambda token: websocket(AIOHTTPWebsocketsTransport, None, token),
    "aiohttp": lambda token: http(AIOHTTPTransport, token),
    "httpx": lambda token: http(HTTPXAsyncTransport, token),
}

CONVERSATION = """
    query ($id: ID!, $first: Int, $after: String) {
      conversation(id: $id) { type messages(first: $first, after: $after) { nodes { content createdAt } } }
    }
"""
USER = "query ($id: ID!) { user(id: $id) { name } }"
SEND = "mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id content messageType } }"
LISTEN = "subscription ($id: ID!) { messages(conversationId: $id) { id content sender { name } } }"


def request(text, **variables):
    return GraphQLRequest(text, variable_values=variables)


def tell(**what):
    print(json.dumps(what), flush=True)


async def main():
    client = Client(
        transport=TRANSPORTS[name](token),
        fetch_schema_from_transport=True,
        introspection_args={"input_value_deprecation": True, "specified_by_url": True, "descriptions": True},
        parse_results=True,
        serialize_variables=True,
    )
    async with client as session:
        tell(types=sorted(type for type in client.schema.type_map if not type.startswith("__")))
        tell(conversation=await session.execute(request(CONVERSATION, id=1, first=1)))
        schema = DSLSchema(client.schema)
        me = dsl_gql(DSLQuery(schema.Query.me.select(schema.User.id, schema.User.name)))
        tell(me=await session.execute(me))

        heard = None
        if "websockets" in name:
            events = session.subscribe(request(LISTEN, id=1))
            heard = asyncio.ensure_future(anext(events))
            # What is said behind the subscription is answered behind it.
            await session.execute(gql("{ me { id } }"))
        sent = request(SEND, input={"conversationId": 1, "content": "From gql over " + name, "messageType": "TEXT"})
        tell(sent=await session.execute(sent))
        if heard:
            tell(heard=await asyncio.wait_for(heard, 10))
            await events.aclose()
        else:
            batch = [request(USER, id=2), request(CONVERSATION, id=1, first=1)]
            # It would read the answers of a batch by one of its queries.
            tell(batch=await session.execute_batch(batch, parse_result=False))
        try:
            await session.execute(request(CONVERSATION, id=999))
        except TransportQueryError as error:
            tell(missing=error.errors[0]["extensions"]["code"], data=error.data)

    try:
        async with Client(transport=TRANSPORTS[name](wrong)) as session:
            await session.execute(gql("{ me { id } }"))
        tell(refused=None)
    except (TransportError, TransportConnectionFailed) as error:
        tell(refused=type(error).__name__, said=str(error))


asyncio.run(main())
