import io

from tqdm import tqdm

from infocap_tasks.cli.plain_lines import PlainLines


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def drawn(num_steps, seconds_a_step, leave=True):
    out, clock = io.StringIO(), Clock()
    stream = PlainLines(out, clock)
    print("before", file=stream)
    with tqdm(total=num_steps, file=stream, mininterval=0, miniters=1, leave=leave) as bar:
        for _ in range(num_steps):
            clock.now += seconds_a_step
            bar.update()
    print("after", file=stream)
    return out.getvalue()


def test_a_bar_has_one_line_in_30_s_and_its_last_state():
    lines = drawn(num_steps=100, seconds_a_step=1.0).splitlines()
    assert lines[0] == "before"
    assert [line.split("%")[0].strip() for line in lines[1:-1]] == ["30", "60", "90", "100"]
    assert lines[-1] == "after"


def test_a_short_bar_has_none_and_lines_beside_bars_stay():
    assert drawn(num_steps=100, seconds_a_step=0.1) == "before\nafter\n"
    assert drawn(num_steps=100, seconds_a_step=0.1, leave=False) == "before\nafter\n"


def test_two_bars_after_each_other_are_told_apart():
    out, clock = io.StringIO(), Clock()
    stream = PlainLines(out, clock)
    for name in ("first", "second"):
        with tqdm(total=2, desc=name, file=stream, mininterval=0, miniters=1) as bar:
            clock.now += 40
            bar.update()
            bar.update()
    assert [line.split(":")[0] for line in out.getvalue().splitlines()] == ["first"] * 2 + (
        ["second"] * 2
    )


def test_no_carriage_return_or_terminal_code_reaches_the_log():
    out = io.StringIO()
    stream = PlainLines(out)
    stream.write("\rone\x1b[A\rtwo\x1b[K\n\x1b[31mred\x1b[0m\nplain\n")
    assert out.getvalue() == "red\nplain\n"
