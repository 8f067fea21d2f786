"""The strategy ``interleave``: both versions answer within one conversation, and votes say which answer is better.

- ``side_by_side``: a client that says it can show two answers gets one of each version in random order, and reports
  which was preferred;
- ``turn``: the turns of a conversation alternate, and what is said of each turn is compared within the conversation;
- ``judged``: the candidate answers copies that nobody sees, and a judge compares both answers.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from tidegate.delivery.evidence.opinions import FEEDBACK, JUDGE
from tidegate.delivery.experiments.experiment_spec import DAY
from tidegate.delivery.experiments.variants import VariantSpec, arms_declared, check_variants, is_aa
from tidegate.delivery.mirroring import DEFAULT_CONCURRENCY, mirroring_of
from tidegate.delivery.quantities import Dollars, Seconds, Share
from tidegate.delivery.steps import OWN_LAYER, Interleave, Program, Promote
from tidegate.errors import InvalidInputError

PREFERENCE = "preference"
"""Name of the feedback that says which of two answers shown side by side is preferred."""
_SAMPLE = Share(0.1)
_OF_COPIES = ("sample", "max_cost", "max_tokens")


class InterleaveSpec(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="interleave",
    tag_field="name",
):
    """Two versions compared directly. One of stable against itself (A/A) only reports.

    Attributes:
        variants: control and one arm; without any, stable and the release's version.
        mode: ``side_by_side``, ``turn`` or ``judged``.
        sample: share of the requests that the candidate answers too; of those whose client can show two answers, side
            by side. Where turns alternate, there is none.
        judge: which judge compares; ``judged`` alone has one.
        feedback: name of the yes or no, or of the number, that is compared between turns; ``turn`` alone has one.
        patience: how long an answer of stable that is whole waits for the candidate's to be shown beside it.
        max_cost, max_tokens, max_concurrency: bounds of the second answers, as of a shadow's copies.
        horizon: when it ends, if nothing was decided before.
        decide: ``promote_winner``, or ``report_only``, which ends with stable whatever came out.
        stop: ``sequential`` ends as soon as the votes decide; ``horizon`` waits for the end all the same.
        promote: how a preferred candidate is promoted.
    """

    variants: dict[str, VariantSpec] = {}
    mode: Literal["side_by_side", "turn", "judged"] = "side_by_side"
    sample: Share | None = None
    judge: str | None = None
    feedback: str | None = None
    patience: Seconds = Seconds(10)
    max_cost: Dollars | None = None
    max_tokens: int | None = None
    max_concurrency: int = DEFAULT_CONCURRENCY
    horizon: Seconds = Seconds(7 * DAY)
    decide: Literal["promote_winner", "report_only"] = "promote_winner"
    stop: Literal["sequential", "horizon"] = "sequential"
    promote: Promote = Promote(bake=Seconds(600), keep_warm=Seconds(DAY), drain=Seconds(600))

    @property
    def question(self) -> str:
        """Whose votes decide."""
        match self.mode:
            case "judged":
                return JUDGE + (self.judge or "")
            case "turn":
                return FEEDBACK + (self.feedback or "thumbs_up")
            case _:
                return FEEDBACK + PREFERENCE


def interleave_program(spec: InterleaveSpec) -> Program:
    """One step that is decided by votes."""
    mirroring = None
    if spec.mode != "turn":
        mirroring = mirroring_of(
            _SAMPLE if spec.sample is None else spec.sample,
            max_concurrency=spec.max_concurrency,
            max_cost=spec.max_cost,
            max_tokens=spec.max_tokens,
            where="sample",
            patience=float(spec.patience) if spec.mode == "side_by_side" else None,
        )
    step = Interleave(
        mode=spec.mode,
        question=spec.question,
        horizon=spec.horizon,
        mirroring=mirroring,
        promotes=spec.decide == "promote_winner" and not is_aa(spec.variants),
        is_sequential=spec.stop == "sequential",
    )
    return Program(
        steps=(step,),
        promote=spec.promote,
        min_samples=20,
        on_no_data="pause",
        interval=Seconds(10),
        needs_stable=True,
        layer=OWN_LAYER if spec.mode == "turn" else "",
    )


def check_interleave(spec: InterleaveSpec) -> None:
    """What types cannot say.

    Raises:
        InvalidInputError: ``where`` is the path of the key.
    """
    check_variants(spec.variants, {})
    if len(arms_declared(spec.variants, "")) > 1:
        raise InvalidInputError(
            "interleaving compares two answers, and there are more arms",
            where="variants",
            remedy="keep control and one",
        )
    if spec.horizon <= 0:
        raise InvalidInputError("an experiment takes time", where="horizon", remedy="write horizon: 7d")
    if (spec.judge is None) is (spec.mode == "judged"):
        said = "who judges?" if spec.judge is None else f"nobody judges where mode is {spec.mode}"
        raise InvalidInputError(said, where="judge", remedy="write mode: judged with judge: NAME, or neither")
    if spec.feedback is not None and spec.mode != "turn":
        raise InvalidInputError(
            f"feedback names what is compared between turns, and mode is {spec.mode}", where="feedback"
        )
    if spec.mode == "turn":
        given = next((name for name in _OF_COPIES if getattr(spec, name) is not None), None)
        if given is not None:
            raise InvalidInputError(f"{given} bounds second answers, and turns have none", where=given)
