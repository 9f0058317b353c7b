"""A bare grpc.aio server that answers every unary method with the same bytes: the peer.

1. It does nothing but what the gRPC layer does: no decoding, no interceptors.
2. It prints its port, and ends by SIGTERM.
"""

import sys

import grpc
import uvloop


class Everything(grpc.GenericRpcHandler):
    """One handler for whatever is called."""

    def __init__(self, reply: bytes) -> None:
        async def answer(_request: bytes, _context: object) -> bytes:
            return reply

        self._handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(answer)

    def service(self, _details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        """Return the handler."""
        return self._handler


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
