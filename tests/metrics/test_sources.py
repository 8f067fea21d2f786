import pytest

from tidegate.errors import InvalidInputError
from tidegate.metrics import kinds
from tidegate.metrics.http_endpoint import at_pointer
from tidegate.metrics.kinds import source_of
from tidegate.metrics.placeholders import fill
from tidegate.metrics.source import NoValueError, Subject, Tools

SUBJECT = Subject("bot", "bot/v1.1.0-22222222", "candidate", 300)


async def test_placeholders_are_filled_in_and_stay_values(endpoint, tools):
    endpoint.answers["/prom/api/v1/query"] = (
        200,
        {"status": "success", "data": {"resultType": "scalar", "result": [1, "7"]}},
    )
    query = 'avg_over_time(gpu{service="{service}",version="{version}"}[{window}])'
    source = source_of({"prometheus": query}, tools)
    assert await source.read(Subject('b"} or up{x="', "v1", "candidate", 90)) == 7
    method, _, headers, form = endpoint.seen[0]
    assert (method, headers["authorization"]) == ("POST", "Bearer own")
    assert form["query"] == 'avg_over_time(gpu{service="b\\"} or up{x=\\"",version="v1"}[90s])'
    assert source.tells_variants
    assert not source_of({"prometheus": 'up{service="{service}"}'}, tools).tells_variants


async def test_an_address_is_filled_in_behind_its_host_only(endpoint, tools):
    endpoint.answers["/of/bot%2Fv1.1.0-22222222"] = (200, {"a": [{"b/c": 3}]})
    source = source_of({"http": {"url": f"{endpoint.url}/of/{{version}}?w={{window}}", "pointer": "/a/0/b~1c"}}, tools)
    assert await source.read(SUBJECT) == 3
    assert endpoint.seen[0][1] == "/of/bot%2Fv1.1.0-22222222?w=300s"
    with pytest.raises(InvalidInputError, match="the host holds a placeholder"):
        source_of({"http": "https://{service}.example/x"}, tools)


async def test_a_secret_goes_where_it_belongs_and_nowhere_else(endpoint, tools):
    endpoint.answers["/x"] = (200, {"value": 1})
    await source_of({"http": {"url": f"{endpoint.url}/x", "headers": {"authorization": "secret:here"}}}, tools).read(
        SUBJECT
    )
    assert endpoint.seen[0][2]["authorization"] == "Bearer 1234"
    for wrong, sentence in {"secret:there": "is not for", "secret:none": "there is no secret 'none'"}.items():
        with pytest.raises(InvalidInputError, match=sentence):
            source_of({"http": {"url": f"{endpoint.url}/x", "headers": {"authorization": wrong}}}, tools)


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ({"promtheus": "up"}, "did you mean 'prometheus'.*known are gateway, prometheus, http"),
        ({"prometheus": "up{x={varient}}"}, "{varient} is no placeholder"),
        ({"prometheus": "  "}, "the query is empty"),
        ({"prometheus": {"query": "up", "url": "file:///etc/passwd"}}, "is not an address"),
        ({"http": {"url": "https://a.example/x", "timeout": "5m"}}, "a timeout lies above 0 s"),
        ({"http": {"url": "https://a.example/x", "pointer": "value"}}, "is no JSON pointer"),
        ({"http": {"url": "https://user@a.example/x"}}, "is not an address"),
        ({"http": {"url": "https://a.example/x", "headers": {"a": "b\r\nc: d"}}}, "control character"),
    ],
)
def test_a_wrong_source_is_told_in_one_sentence(tools, declared, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        source_of(declared, tools)


def test_without_a_configured_server_a_query_needs_one(tools):
    bare = Tools(tools.client, type(tools.settings)())
    with pytest.raises(InvalidInputError, match="no Prometheus is configured"):
        source_of({"prometheus": "up"}, bare)
    assert source_of({"prometheus": {"query": "up", "url": "https://prom.example"}}, bare).timeout == 5


def test_a_plug_in_brings_its_own_kind(tools, monkeypatch):
    class Found:
        name = "oracle"

        def load(self):
            return lambda settings, _tools: settings

    monkeypatch.setattr(kinds, "entry_points", lambda group, name=None: [Found()] if name in {None, "oracle"} else [])
    assert source_of({"oracle": 42}, tools) == 42
    with pytest.raises(InvalidInputError, match="known are gateway, prometheus, http, drift, oracle"):
        source_of({"orcale": 42}, tools)


def test_a_pointer_leads_through_objects_and_lists():
    document = {"a": [{"~x": 1}], "": 2}
    assert at_pointer(document, "/a/0/~0x") == 1
    assert at_pointer(document, "/") == 2
    assert at_pointer(document, "") is document
    for nowhere in ("/b", "/a/1", "/a/x", "/a/-1", "/a/0/~0x/deeper"):
        with pytest.raises(NoValueError):
            at_pointer(document, nowhere)


def test_unknown_braces_are_left_alone():
    assert fill('{job="a"} {service}', SUBJECT, str) == '{job="a"} bot'
