"""Two processes share the suite; who has to be alone is."""

import threading

from tests.turns import turn


class Guest(threading.Thread):
    """Comes in, says so, and stays until it may go."""

    def __init__(self, folder, *, alone: bool) -> None:
        super().__init__(daemon=True)
        self._folder, self._alone = folder, alone
        self.inside, self.may_go = threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        with turn(self._folder, alone=self._alone):
            self.inside.set()
            self.may_go.wait(60)

    def leave(self) -> None:
        self.may_go.set()
        self.join(60)


def test_others_share_and_who_is_alone_waits_for_them_and_lets_nobody_in(tmp_path):
    first, second = Guest(tmp_path, alone=False), Guest(tmp_path, alone=False)
    assert first.inside.wait(60)
    assert second.inside.wait(60)

    alone = Guest(tmp_path, alone=True)
    assert not alone.inside.wait(0.2)
    first.leave()
    second.leave()
    assert alone.inside.wait(60)

    late = Guest(tmp_path, alone=False)
    assert not late.inside.wait(0.2)
    alone.leave()
    assert late.inside.wait(60)
    late.leave()
