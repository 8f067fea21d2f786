from __future__ import annotations

import pytest
from statsmodels.stats.multitest import multipletests

from tidegate.stats.fixed_horizon.multiple import benjamini_hochberg, holm


@pytest.mark.parametrize("p_values", [[0.01], [0.04, 0.01, 0.03, 0.005], [0.9, 0.2, 0.2, 1.0, 0.0, 0.051], [0.3] * 4])
def test_adjusted_p_values_are_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())
    assert benjamini_hochberg(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1].tolist())


def test_none_give_none():
    assert holm([]) == []
    assert benjamini_hochberg([]) == []
