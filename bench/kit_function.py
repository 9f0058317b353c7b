"""An echo that is written with Fn's own kit for Python, as functions are.

1. As in examples/fn: run by itself it makes the event loop that the kit asks for.
"""

import asyncio
import io

import fdk
from fdk import context, customer_code, response


def handler(ctx: context.InvokeContext, data: io.BytesIO | None = None) -> response.Response:
    """Answer the request's body."""
    body = data.getvalue() if data is not None else b""
    return response.Response(ctx, response_data=body, headers={"Content-Type": "application/octet-stream"})


if __name__ == "__main__":
    asyncio.set_event_loop(asyncio.new_event_loop())
    fdk.handle(customer_code.Function(__file__, entrypoint="handler"))
