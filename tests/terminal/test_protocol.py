"""The page's types are those of the server's messages."""

import pytest

from seawall.terminal import protocol
from tools import write_protocol_types


def test_the_page_s_types_are_fresh() -> None:
    written = write_protocol_types.TARGET.read_text()
    assert written == write_protocol_types.stub(), "run python -m tools.write_protocol_types"


def test_every_message_that_can_be_sent_is_typed() -> None:
    text = write_protocol_types.stub()
    for kind in (protocol.Surface, protocol.Answer, protocol.AnyRequest):
        for each in kind.__args__:
            assert f'  type: "{each.__name__}";' in text


def test_a_type_that_is_not_known_is_an_error() -> None:
    with pytest.raises(TypeError, match="no TypeScript type"):
        write_protocol_types.text_of(set[int])
