"""What a key may use: per minute, at once, and in money per day and month; and how gateways share it.

A limit holds over all gateways together. Control lends each gateway process a slice of it and moves the slices to
where they are wanted, so that no request waits for anybody. Nothing is lent twice: a slice grows only by what no other
process may still hold, and a process tells with each heartbeat what it holds.

:mod:`declared` is what people write, :mod:`lending` what control and gateways tell each other, :mod:`sharing` divides
what there is, :mod:`slices` (rates and places) and :mod:`purse` (money) decide what may be lent.
"""
