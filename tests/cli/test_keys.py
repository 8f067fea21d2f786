"""Keys as people make and revoke them."""

from __future__ import annotations

import time

import httpx2
from tests.cli.running import Installation, serving, tidegate


def test_from_open_access_to_keys_and_back(here, monkeypatch):
    (here / "tidegate.yaml").write_text('listen: {control: "127.0.0.1:0"}\n')
    with serving("control", cwd=here) as (_, urls):
        monkeypatch.setenv("TIDEGATE_URL", urls["control"])
        refused = tidegate("keys", "create", "ci", "--role", "operator")
        assert (refused.code, refused.out) == (1, "")
        assert "nobody could administer" in refused.err
        made = tidegate("keys", "create", "ann", "--role", "admin")
        head, secret, warning = made.out.splitlines()
        assert head == "Key ann (admin), shown this once:"
        assert warning.startswith("warning: this is the first key: from now on")
        assert "a key is needed" in tidegate("keys").err
        monkeypatch.setenv("TIDEGATE_KEY", secret)
        scoped = tidegate("keys", "create", "ci", "--role", "invoke", "--role", "viewer", "--service", "bot", "--json")
        assert (scoped.json["key"]["roles"], scoped.json["key"]["services"]) == (["invoke", "viewer"], ["bot"])
        assert [key["name"] for key in tidegate("keys", "--json").json["keys"]] == ["ann", "ci"]
        assert tidegate("keys", "revoke", "ci").out == "Key ci is revoked. Left: ann.\n"
        assert "nobody knows this key" in tidegate("keys", "--key", scoped.json["secret"]).err
        assert tidegate("keys", "revoke", "ann").out.startswith("Key ann is revoked.\nwarning: no key is left")
        assert tidegate("keys").out.startswith("No keys:")


def test_a_gateway_takes_a_new_key_and_refuses_it_once_it_is_revoked(here, monkeypatch):
    (here / "tidegate.yaml").write_text('listen: {gateway: "127.0.0.1:0", control: "127.0.0.1:0"}\n')
    with serving("up", cwd=here) as (_, urls):
        installation = Installation(urls["gateway"], urls["control"])
        monkeypatch.setenv("TIDEGATE_URL", urls["control"])
        assert installation.ask("nobody").status_code == 404  # let in: there is only no such service
        admin = tidegate("keys", "create", "ann", "--role", "admin", "--json").json["secret"]
        monkeypatch.setenv("TIDEGATE_KEY", admin)
        app = tidegate("keys", "create", "app", "--role", "invoke", "--json").json["secret"]
        assert status_becomes(installation, None, 401)
        assert status_becomes(installation, app, 404)
        tidegate("keys", "revoke", "app")
        assert status_becomes(installation, app, 401)


def status_becomes(installation, key, status):
    """Whether a request with the key is answered so, as soon as the gateway has heard of it."""
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    body = {"model": "nobody", "messages": [{"role": "user", "content": "Hello"}]}
    for _ in range(100):
        url = f"{installation.gateway}/v1/chat/completions"
        if httpx2.post(url, json=body, headers=headers, timeout=120, trust_env=False).status_code == status:
            return True
        time.sleep(0.05)
    return False
