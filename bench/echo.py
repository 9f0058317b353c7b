"""A bare grpc.aio server that answers every method with the same bytes: the peer.

1. It does nothing but what the gRPC layer does: no decoding, no interceptors.
2. Methods are unary but for `Engage`, a stream either way: the first message is answered, and ends the call.
3. It prints its port, and ends by SIGTERM.
"""

import sys
from typing import TypeAlias

import grpc
import uvloop

Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


class Everything(grpc.GenericRpcHandler):
    """Handlers for whatever is called."""

    def __init__(self, reply: bytes) -> None:
        async def answer(_request: bytes, _context: object) -> bytes:
            return reply

        async def answer_stream(_: object, context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
            await context.read()
            await context.write(reply)

        self._unary: Handler = grpc.unary_unary_rpc_method_handler(answer)
        self._stream: Handler = grpc.stream_stream_rpc_method_handler(answer_stream)

    def service(self, details: grpc.HandlerCallDetails) -> "Handler":
        """Return the handler."""
        return self._stream if details.method.endswith("/Engage") else self._unary


async def main(reply: bytes) -> None:
    """Serve until the process is ended."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((Everything(reply),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(bytes.fromhex(sys.argv[1])))
