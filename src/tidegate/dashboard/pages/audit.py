"""The audit log, and whether its chain is whole."""

from __future__ import annotations

from tidegate.dashboard.looking import Context, Look, Page

_A_PAGE = 60


async def gather(look: Look) -> Context:
    """A page of the log; the chain is checked when somebody asks for it, since that reads all of it."""
    subject = look.query.get("subject", "").strip() or None
    found = await look.ask.audit(subject=subject, limit=_A_PAGE, cursor=look.query.get("after") or None)
    check = await look.ask.verify_audit() if look.query.get("verify") else None
    return {"rows": found.items, "following": found.next, "subject": subject, "check": check}


PAGE = Page(address="/audit", template="audit.html", gather=gather)
