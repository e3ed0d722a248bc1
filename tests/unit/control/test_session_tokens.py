import re

from services.control.sessions.session_tokens import TokenChain

SEED = bytes(range(32))


def test_what_follows_a_token_is_always_the_same_and_new() -> None:
    chain = TokenChain(SEED)
    first = chain.first()
    after = chain.after(first.refresh)
    assert after == TokenChain(SEED).after(first.refresh)
    later = chain.after(after.refresh)
    assert len({*first, *after, *later}) == 6
    for token in (*first, *after):
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)


def test_nobody_without_the_seed_can_tell_what_follows() -> None:
    token = TokenChain(SEED).first().refresh
    assert not {*TokenChain(SEED).after(token)} & {*TokenChain(bytes(32)).after(token)}


def test_tokens_are_not_shown_by_accident() -> None:
    tokens = TokenChain(SEED).first()
    assert tokens.session not in repr(tokens)
    assert tokens.refresh not in f"{tokens}"
