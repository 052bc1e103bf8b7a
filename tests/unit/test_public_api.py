"""Asking a public API: what is sent, and what is said when the answer is none."""

import json

import pytest

from seawall.venues.public_api import NotFound, PublicApi, PublicApiError
from tests.unit.public_server import Reply, serving


def test_get_and_post_return_the_text_as_it_was_sent() -> None:
    replies = {"/v4/time": Reply(b' {"iso": "x"}\n'), "/info meta": [1, 2]}
    with serving(replies) as server:
        api = PublicApi(server.url + "/")
        assert api.base == server.url
        assert api.get("/v4/time") == b' {"iso": "x"}\n'
        assert json.loads(api.post("/info", {"type": "meta"})) == [1, 2]
        assert server.asked == ["/v4/time", '/info {"type": "meta"}']


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply("wrong", 500), 'status 500 Internal Server Error: "wrong"'),
        (Reply({"errors": [{"msg": "too fast"}]}, 429), "too fast"),
        (Reply(b"\xff\xfe", 503), "status 503"),
        (Reply({}, 302, "http://127.0.0.1:1/x"), "status 302, a redirect to http://127.0.0.1:1/x"),
        (Reply({}, 301, "file:///etc/passwd"), "a redirect to file:///etc/passwd"),
        (Reply(b"<html>hello</html>"), "answers '<html>hello</html>', which is not JSON"),
        (Reply(b""), "answers '', which is not JSON"),
        (Reply(b'{"a": 1', 200), "which is not JSON"),
        (Reply({"a": 1}, length=1000), "the answer ends before its time"),
        (Reply(b"[" + b"1," * 3000 + b"1]"), "answers more than 5,000 bytes"),
        (Reply(held=True), "no answer within 0.5 seconds"),
        (Reply([0] * 500, dripping=True), "no answer within 0.5 seconds"),
    ],
)
def test_an_answer_that_cannot_be_used_names_the_address(reply: Reply, message: str) -> None:
    with serving({"/x": reply}) as server:
        with pytest.raises(PublicApiError) as caught:
            PublicApi(server.url, timeout_s=0.5, largest_answer=5000).get("/x")
        assert str(caught.value).startswith(f"{server.url}/x: ")
        assert message in str(caught.value)


def test_what_is_not_there_is_told_apart() -> None:
    with serving({}) as server, pytest.raises(NotFound, match=r"status 404 Not Found.*not here"):
        PublicApi(server.url).get("/x")


def test_a_server_that_is_gone() -> None:
    with serving({}) as server:
        url = server.url
    with pytest.raises(PublicApiError, match=r"^http://127.0.0.1:\d+/x: cannot be reached: "):
        PublicApi(url, timeout_s=5).get("/x")


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("127.0.0.1:3001", "should be a URL such as http"),
        ("ftp://127.0.0.1", "should be a URL such as http"),
        ("http://", "should be a URL such as http"),
        ("http://127.0.0.1:99999", "should be a URL such as http"),
        ("http://127.0.0.1\n", "should be a URL such as http"),
        ("http://a b", "should be a URL such as http"),
        ("http://me:secret@127.0.0.1", "without user"),
        ("http://127.0.0.1/?key=1", "without user"),
    ],
)
def test_a_base_that_is_no_bare_url(base: str, message: str) -> None:
    with pytest.raises(PublicApiError, match=message) as caught:
        PublicApi(base)
    assert "secret" not in str(caught.value)
