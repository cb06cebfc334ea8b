"""What the venue answers to requests on a WebSocket, word by word."""

import json

import pytest
from tickproof.exchange.streams import Session

VARIANTS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"


@pytest.fixture
def session() -> Session:
    return Session(combined=False)


def ask(session: Session, **request: object) -> object:
    return json.loads(session.answer(json.dumps(request)).text)


def test_subscribe_list_and_unsubscribe_as_documented(session: Session) -> None:
    answer = session.answer('{"method":"SUBSCRIBE","params":["btcusdt@trade","btcusdt@depth"],"id":1}')
    assert answer.text == '{"result":null,"id":1}'
    assert answer.added == ("btcusdt@trade", "btcusdt@depth")
    assert session.symbols == {"BTCUSDT"}
    listed = session.answer('{"method":"LIST_SUBSCRIPTIONS","id":3}')
    assert listed.text == '{"result":["btcusdt@trade","btcusdt@depth"],"id":3}'
    gone = session.answer('{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":312}')
    assert gone.text == '{"result":null,"id":312}'
    assert session.symbols == frozenset()


def test_properties_as_documented(session: Session) -> None:
    assert ask(session, method="GET_PROPERTY", params=["combined"], id=2) == {"result": False, "id": 2}
    assert ask(session, method="SET_PROPERTY", params=["combined", True], id=5) == {"result": None, "id": 5}
    assert ask(session, method="GET_PROPERTY", params=["combined"], id=2) == {"result": True, "id": 2}


@pytest.mark.parametrize("request_id", [1, -5, 2**63 - 1, "abc123", "x" * 36, None])
def test_ids_that_the_venue_takes(session: Session, request_id: object) -> None:
    answer = ask(session, method="LIST_SUBSCRIPTIONS", id=request_id)
    assert answer == {"result": [], "id": request_id}


@pytest.mark.parametrize("request_id", [1.5, True, [], {}, "x" * 37, "no blank", 2**63])
def test_ids_that_it_does_not(session: Session, request_id: object) -> None:
    answer = ask(session, method="LIST_SUBSCRIPTIONS", id=request_id)
    assert answer == {"error": {"code": 2, "msg": "Invalid request: request ID must be an unsigned integer"}}


ERRORS = [
    ('{"method":"LIST_SUBSCRIPTIONS"}', 2, "Invalid request: request ID must be an unsigned integer"),
    ('{"id":1,"params":["a@trade"]}', 2, "Invalid request: missing field `method` at line 1 column 29"),
    (
        '{"method":"SUBSCRIBED","params":["a@trade"],"id":1}',
        2,
        f"Invalid request: unknown variant `SUBSCRIBED`, expected one of {VARIANTS} at line 1 column 22",
    ),
    ('{"method":"SUBSCRIBE","id":1}', 2, "Invalid request: missing field `params` at line 1 column 29"),
    ('{"method":"GET_PROPERTY","params":[],"id":1}', 2, "Invalid request: property name must be a string"),
    ('{"method":"GET_PROPERTY","params":[7],"id":1}', 2, "Invalid request: property name must be a string"),
    ('{"method":"GET_PROPERTY","params":["combined",1],"id":1}', 2, "Invalid request: too many parameters"),
    ('{"method":"LIST_SUBSCRIPTIONS","params":["a"],"id":1}', 2, "Invalid request: too many parameters"),
    ('{"method":"SET_PROPERTY","params":["colour",true],"id":1}', 0, "Unknown property"),
    (
        '{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}',
        1,
        "Invalid value type: expected Boolean",
    ),
    ("not json", 3, "Invalid JSON: expected value at line 1 column 1"),
    ('{\n"method": }', 3, "Invalid JSON: expected value at line 2 column 11"),
]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"id":1,"method":' + "[" * 100_000,
        '{"id":' + "9" * 5_000 + "}",
        '{"id":1,"method":"\\ud800"}',
    ],
)
def test_what_cannot_be_read_at_all_is_invalid_json(session: Session, text: str) -> None:
    answer = session.answer(text)
    assert json.loads(answer.text.encode())["error"]["code"] == 3
    assert session.answer('{"method":"LIST_SUBSCRIPTIONS","id":3}').text == '{"result":[],"id":3}'


@pytest.mark.parametrize(("text", "code", "msg"), ERRORS)
def test_documented_errors(session: Session, text: str, code: int, msg: str) -> None:
    answer = session.answer(text)
    assert json.loads(answer.text)["error"] == {"code": code, "msg": msg}
    assert not answer.ends


def test_a_stream_that_does_not_exist_is_acknowledged(session: Session) -> None:
    assert ask(session, method="SUBSCRIBE", params=["BTCUSDT@trade", "nosuch@thing"], id=1) == {
        "result": None,
        "id": 1,
    }
    assert session.symbols == frozenset()


def test_what_is_no_stream_name_ends_the_connection(session: Session) -> None:
    answer = session.answer('{"method":"SUBSCRIBE","params":["@@@###"],"id":4}')
    assert answer.text == '{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":4}'
    assert answer.ends


def test_1024_streams_are_taken_and_one_more_is_not(session: Session) -> None:
    names = [f"s{number}@trade" for number in range(1024)]
    assert not session.answer(json.dumps({"method": "SUBSCRIBE", "params": names, "id": 1})).ends
    again = session.answer(json.dumps({"method": "SUBSCRIBE", "params": names[:3], "id": 2}))
    assert again.text == '{"result":null,"id":2}'
    answer = session.answer('{"method":"SUBSCRIBE","params":["one@trade"],"id":3}')
    assert answer.text == '{"error":{"code":4,"msg":"Too many subscriptions"},"id":3}'
    assert answer.ends
