"""A function written with Fn's own kit for Python: it greets, and tells triggers a status of its own.

1. `fdk greet.py handler` runs it too, where uvloop makes the event loop that the kit asks for: none
   from 0.22 on does. Run by itself, it makes one.
"""

import asyncio
import io
import json

import fdk
from fdk import context, customer_code, response


def handler(ctx: context.InvokeContext, data: io.BytesIO | None = None) -> response.Response:
    """Greet whoever the request names."""
    body = data.getvalue() if data is not None else b""
    name = json.loads(body).get("name", "world") if body else "world"
    told = {"message": f"Hello, {name}!", "call": ctx.CallID()}
    return response.Response(
        ctx, response_data=json.dumps(told), headers={"Content-Type": "application/json"}, status_code=201
    )


if __name__ == "__main__":
    asyncio.set_event_loop(asyncio.new_event_loop())
    fdk.handle(customer_code.Function(__file__, entrypoint="handler"))
