"""The page about faults says what the wall proves."""

from __future__ import annotations

from tests.faults.cells import CELLS
from tests.faults.fault_page import PAGE, rendered


def test_the_page_is_current():
    assert PAGE.read_text() == rendered(), "render it again: python -m tests.faults.fault_page"


def test_every_cell_has_a_name_of_its_own():
    assert len({cell.id for cell in CELLS}) == len(CELLS)
