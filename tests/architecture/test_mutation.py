"""The judge of `make mutation`, and that its explanations still speak of lines that are there."""

import pytest

from tests.mutation import ROOT, Change, change_of, judge, of_wording, read_explained
from tests.mutation_of_tables import table_changes


DIFF = """\
--- src/darkroom/policy/ledger.py
+++ src/darkroom/policy/ledger.py
@@ -1,3 +1,3 @@
 def spent():
-    total = NOTHING
+    total = None
     return total
"""
FOUND = Change("ledger.py", "spent", "total = NOTHING", "total = None")


@pytest.mark.parametrize("change", read_explained(), ids=str)
def test_an_explained_line_is_still_there(change):
    source = (ROOT / "src/darkroom/policy" / change.file).read_text()
    assert change.was in " ".join(source.split())


def test_a_mutant_is_known_by_its_lines_and_not_by_its_number():
    name = "darkroom.policy.ledger.x_spent__mutmut_{}"
    assert change_of(name.format(1), DIFF) == change_of(name.format(77), DIFF) == FOUND
    method = change_of("darkroom.policy.owner_word.xǁVoteǁto_mapping__mutmut_1", DIFF)
    assert method.function == "Vote.to_mapping"


def test_what_is_not_explained_and_what_is_not_there_any_more_are_both_told():
    other = Change("price.py", "price", "a", "b")
    assert judge([FOUND], {FOUND: "why"}) == ([], [])
    assert judge([FOUND], {other: "why"}) == ([FOUND], [other])


@pytest.mark.parametrize(
    ("was", "now", "wording"),
    [
        ('say("it is late")', 'say("XXit is lateXX")', True),
        ('say("it is late")', 'say("IT IS LATE")', True),
        ("""f"take {' or '.join(ways)}\"""", """f"take {'XX or XX'.join(ways)}\"""", True),
        ('say("it is late")', "say(None)", False),
        ('say("it is late")', 'tell("it is late")', False),
        ('kind == "late"', 'kind == "XXlateXX"', False),
        ('kind == "late"', 'kind == "LATE"', False),
        ('"a b" if x == "y" else "c d"', '"a b" if x == "XXyXX" else "c d"', False),
    ],
)
def test_wording_is_the_letters_of_one_sentence_and_nothing_else(was, now, wording):
    assert of_wording(Change("a.py", "f", was, now)) is wording


def test_every_entry_of_a_table_is_changed_and_left_out(tmp_path):
    module = tmp_path / "rules.py"
    module.write_text('STEPS: dict = {"a": ("b", 2)}\nKind = Literal["x"]\ndef f(): return "y"\n')
    source = module.read_text()
    texts = {
        source[: change.start] + change.now + source[change.end :]
        for change in table_changes(module)
    }
    assert {text.partition("\n")[0] for text in texts} == {
        "STEPS: dict = {**{}}",
        'STEPS: dict = {"a": (*(), 2)}',
        'STEPS: dict = {"a": ("b", *())}',
        "STEPS: dict = {'XXaXX': (\"b\", 2)}",
        "STEPS: dict = {\"a\": ('XXbXX', 2)}",
        'STEPS: dict = {"a": ("b", 3)}',
    }
