"""What a load balancer would make of an HTTP request, and of a function's answer."""

import json

from protocol.fn.translate.local import (
    LocalCall,
    body_frames,
    failure,
    opening,
    trigger_headers,
    trigger_response,
)
from protocol.fn.translate.model import read_model


def test_a_call_by_name_is_a_call_by_the_letter() -> None:
    call = LocalCall(name="shop/cart", call_id="c", headers=(("A", "1"), ("A", "2")), is_detached=True)
    model = read_model(getattr(opening(call), "try").models_call_json)
    assert (model.image, model.fn_id, model.id, model.memory_mb) == ("shop/cart", "shop/cart", "c", 128)
    assert model.headers == (("A", ("1", "2")),)
    assert model.is_detached
    assert dict(model.config) == {"FN_MEMORY": "128", "FN_TYPE": "sync", "FN_FN_ID": "shop/cart"}


def test_a_body_is_cut_into_frames() -> None:
    frames = [each.data for each in body_frames(b"x" * 25_000, is_last=True)]
    assert [(len(each.data), each.eof) for each in frames] == [
        (10_240, False), (10_240, False), (4_520, False), (0, True),
    ]  # fmt: skip
    assert list(body_frames(b"", is_last=False)) == []


def test_a_trigger_is_told_of_its_request() -> None:
    told = trigger_headers("PUT", "/t/a/b?c=d", (("Content-Type", "a/b"), ("X", "1")))
    assert told == (
        ("Fn-Intent", "httprequest"), ("Fn-Http-Method", "PUT"), ("Fn-Http-Request-Url", "/t/a/b?c=d"),
        ("Content-Type", "a/b"), ("Fn-Http-H-X", "1"),
    )  # fmt: skip


def test_a_trigger_answers_as_its_function_says() -> None:
    headers = (("Fn-Http-Status", "404"), ("Fn-Http-H-Location", "/x"), ("Content-Type", "a/b"), ("Own", "y"))
    assert trigger_response(200, headers) == (404, (("Location", "/x"), ("Content-Type", "a/b")))
    for bad in ("abc", "99", "600", "101", "-1", "٢٠٠"):
        assert trigger_response(200, (("fn-http-status", bad),)) == (200, ())
    assert trigger_response(502, headers)[0] == 502


def test_failures_are_told_by_code() -> None:
    status, headers, body = failure(503, "busy")
    assert (status, headers["retry-after"], json.loads(body)) == (503, "15", {"message": "busy"})
    assert failure(0, "a secret") == (500, failure(502, "")[1], b'{"message":"internal server error"}\n')
