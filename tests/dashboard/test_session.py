from datetime import UTC, datetime, timedelta

import pytest

from tidegate.dashboard.session import LONGEST, Sessions, is_of_key

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
SESSIONS = Sessions("0f" * 32)


def test_a_sealed_session_opens_again():
    session = SESSIONS.begin(NOW, key="ci", sha256="ab" * 32)
    assert SESSIONS.open(SESSIONS.seal(session), NOW + LONGEST) == session
    assert is_of_key(session, "ab" * 32)
    assert not is_of_key(session, "cd" * 32)


def test_a_cookie_does_not_hold_the_digest_of_the_key():
    sealed = SESSIONS.seal(SESSIONS.begin(NOW, key="ci", sha256="ab" * 32))
    assert SESSIONS.open(sealed, NOW).digest == "ab" * 8


@pytest.mark.parametrize(
    "change", [lambda c: c[:-1], lambda c: "A" + c[1:], lambda c: "", lambda c: "." + c, lambda c: "é.ü"]
)
def test_what_is_not_ours_does_not_open(change):
    sealed = SESSIONS.seal(SESSIONS.begin(NOW))
    assert SESSIONS.open(change(sealed), NOW) is None


def test_an_old_session_and_one_of_another_installation_do_not_open():
    sealed = SESSIONS.seal(SESSIONS.begin(NOW))
    assert SESSIONS.open(sealed, NOW + LONGEST + timedelta(seconds=1)) is None
    assert Sessions("aa" * 32).open(sealed, NOW) is None


def test_each_session_has_its_own_token():
    one, other = SESSIONS.begin(NOW), SESSIONS.begin(NOW)
    assert SESSIONS.is_own(one, SESSIONS.token(one))
    assert not SESSIONS.is_own(one, SESSIONS.token(other))
    assert not SESSIONS.is_own(one, "")
