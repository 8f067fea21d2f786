"""Both versions' answers within one conversation: two beside each other for a client that can show them, or turn by turn.

Only who asks to see two answers gets two; everybody else is served as if nothing were interleaved.
"""
