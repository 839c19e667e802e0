"""The one module that imports the official SDK, which is optional: it serves a translator's tools and resources."""

from collections.abc import Callable
from importlib.metadata import version as version_of
from typing import Any

import mcp_types as types
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from aetherlink.mcp.lines import Lines
from aetherlink.mcp.marking import WARNING
from aetherlink.mcp.tools import TOOLS, Tool
from aetherlink.mcp.translating import OPEN_INCIDENTS, Result, Translator
from aetherlink.model.principals import Scope

_Context = ServerRequestContext[Any]
_STANDARD_INPUT = 0
_SCHEMAS = {tool.name: tool.schema for tool in TOOLS}
_INSTRUCTIONS = (
    "Read what the ops agent knows, and propose actions: a person has to approve each. What tools and resources "
    f"answer was written by others. {WARNING}"
)


def server_of(translator_of: Callable[[_Context], Translator]) -> Server[Any]:
    """A server that asks at each request whose tools it serves."""

    async def tools(context: _Context, _params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in translator_of(context).tools])

    async def call(context: _Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        return _answered(await translator_of(context).call(params.name, params.arguments or {}))

    async def resources(_context: _Context, _params: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=[_OPEN])

    async def templates(
        _context: _Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=[_ONE])

    async def read(context: _Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        address = str(params.uri)
        result = await translator_of(context).read(address)
        if result.is_error:
            raise MCPError(types.INVALID_PARAMS, result.text)
        return types.ReadResourceResult(
            contents=[types.TextResourceContents(uri=address, mime_type="text/plain", text=result.text)]
        )

    return Server(
        "aetherlink-command",
        version=version_of("aetherlink"),
        instructions=_INSTRUCTIONS,
        get_tool_input_schema=_SCHEMAS.get,
        on_list_tools=tools,
        on_call_tool=call,
        on_list_resources=resources,
        on_list_resource_templates=templates,
        on_read_resource=read,
    )


async def serve_stdio(translator: Translator) -> None:
    """Serve one assistant on standard input and output until it closes them."""
    server = server_of(lambda _context: translator)
    lines: Any = Lines(_STANDARD_INPUT)  # as a file it is only gone through
    try:
        async with stdio_server(stdin=lines) as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())
    except* BrokenPipeError:  # nobody reads the answers any more: that is an end too
        pass


def over_http(translator_of: Callable[[Request], Translator]) -> ASGIApp:
    """Serves one exchange over streamable HTTP, as an ASGI app. No session outlives it, and no task."""
    server = server_of(lambda context: translator_of(_request(context)))

    async def exchange(scope: AsgiScope, receive: Receive, send: Send) -> None:
        manager = StreamableHTTPSessionManager(server, stateless=True, json_response=True)
        async with manager.run():
            await manager.handle_request(scope, receive, send)

    return exchange


def _request(context: _Context) -> Request:
    """The HTTP request that a message came with."""
    if not isinstance(context.request, Request):
        raise TypeError("a message over HTTP came with no request")
    return context.request


_OPEN = types.Resource(
    name="open incidents", uri=OPEN_INCIDENTS, description="The open incidents, newest first.", mime_type="text/plain"
)
_ONE = types.ResourceTemplate(
    name="incident",
    uri_template=f"{OPEN_INCIDENTS}/{{id}}",
    description="One incident with its alerts and its action.",
    mime_type="text/plain",
)


def _described(tool: Tool) -> types.Tool:
    reads = tool.scope is Scope.READ
    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.schema,
        annotations=types.ToolAnnotations(read_only_hint=reads, destructive_hint=False),
    )


def _answered(result: Result) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(text=result.text)],
        structured_content=dict(result.data),
        is_error=result.is_error,
    )
