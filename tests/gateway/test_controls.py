from tidegate.gateway.controls import Controls


def test_the_leader_is_followed_as_soon_as_it_is_known():
    controls = Controls(["a", "b", "c"])
    assert controls.current == "a"
    controls.answered("a", is_leading=False)
    controls.answered("c", is_leading=True)
    assert controls.current == "c"


def test_without_a_leader_each_has_its_turn():
    controls = Controls(["a", "b"])
    seen = []
    for _ in range(4):
        seen.append(controls.current)
        controls.failed(controls.current)
    assert seen == ["a", "b", "a", "b"]


def test_a_leader_that_fails_or_lost_the_lead_is_left():
    for leave in (lambda c: c.failed("b"), lambda c: c.answered("b", is_leading=False)):
        controls = Controls(["a", "b"])
        controls.answered("b", is_leading=True)
        leave(controls)
        controls.answered("a", is_leading=True)
        assert controls.current == "a"


def test_somebody_elses_failure_changes_nothing():
    controls = Controls(["a", "b"])
    controls.answered("b", is_leading=True)
    controls.failed("a")
    assert controls.current == "b"


def test_one_control_alone_is_always_the_one():
    controls = Controls(["a"])
    controls.failed("a")
    assert controls.current == "a"
