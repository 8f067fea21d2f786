import difflib

from hypothesis import given
from hypothesis import strategies as st

from tidegate.dashboard.markdown import markdown
from tidegate.dashboard.side_by_side import Row, side_by_side

LINES = st.lists(st.sampled_from(["one", "two", "- three", "+ four", ""]), max_size=12)


def test_a_card_becomes_headings_lists_quotes_and_code():
    made = markdown("# Title\n\n> **Unstable.** It was\n\n- a `b`\n- c\n\ntext\ngoes on\n\n    code\n\n```\nx < y\n```")
    assert made == (
        "<h3>Title</h3>\n<blockquote><strong>Unstable.</strong> It was</blockquote>\n"
        "<ul><li>a <code>b</code></li><li>c</li></ul>\n<p>text goes on</p>\n<pre>code</pre>\n<pre>x &lt; y</pre>"
    )


@given(st.text(alphabet="<>&\"'`*#- \nabc/", max_size=80))
def test_no_markup_of_the_author_survives(text):
    made = str(markdown(text))
    for tag in ("h3", "h4", "h5", "h6", "ul", "li", "p", "pre", "blockquote", "code", "strong"):
        made = made.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    assert "<" not in made
    assert ">" not in made


@given(LINES, LINES)
def test_both_sides_of_a_difference_are_whole(before, after):
    rows = side_by_side(list(difflib.unified_diff(before, after, "a", "b", lineterm="", n=99)))
    if before == after:
        assert rows == []
        return
    assert [row.before for row in rows if row.before is not None] == before
    assert [row.after for row in rows if row.after is not None] == after
    assert all(row.before == row.after for row in rows if row.kind == "same")


def test_distant_changes_are_apart():
    before = [str(number) for number in range(40)]
    after = ["first", *before[1:-1], "last"]
    rows = side_by_side(list(difflib.unified_diff(before, after, "a", "b", lineterm="")))
    assert Row(None, None, "gap") in rows
    assert rows[0] == Row("0", "first", "changed")
