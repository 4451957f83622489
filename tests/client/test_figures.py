"""One's own figures, from stories of which they are known."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from client.answers import Answers
from client.figures import Figures, Rated
from client.tickets import Tickets
from tests.client.story_desk import BEGIN, StoryDesk, tickets_of
from uploader.inbox import State


def figures(tickets: Tickets, spared: int = 0) -> Figures:
    recall: Callable[[str, Any], Any] = lambda name, default: spared or default  # noqa: E731
    return Answers(tickets, _no_draft, recall, lambda name, value: None, tuple, _no_draft, _no_draft).figures()


def _no_draft(**values: object) -> Any:
    raise NotImplementedError


def test_the_figures_of_a_written_story_are_the_ones_it_tells(tmp_path: Path) -> None:
    desk = StoryDesk()
    tickets = tickets_of(desk, tmp_path)
    tickets.look("d")
    desk.write("A", 0)
    desk.answer("A", 0.1, automatic=True)  # a robot's word is nobody's answer
    desk.answer("A", 2)
    desk.turn("A", 4, "solved")  # at first contact
    desk.write("B", 1)
    desk.answer("B", 4)
    desk.answer("B", 5, mine=True)
    desk.answer("B", 11)
    desk.turn("B", 21, "closed")
    desk.write("C", 2)
    desk.answer("C", 9)
    desk.write("D", 3)  # nobody has answered
    desk.write("E", 4)
    desk.turn("E", 5, "solved")  # the user solved it alone
    desk.write("F", 6)
    desk.answer("F", 5)  # by a clock that is wrong
    tickets.look("d")
    tickets.rate(tickets.find("A"), 5)
    tickets.rate(tickets.find("B"), 2, "tarde")
    found = figures(tickets, spared=3)
    ratings = (Rated("d", "B", 2, "tarde", BEGIN + timedelta(hours=21)),
               Rated("d", "A", 5, "", BEGIN + timedelta(hours=4)))  # fmt: skip
    assert found == Figures(
        tickets=6, open=3, solved=3, first_answer_h=3.0, solution_h=4.0, satisfaction=3.5, rated=2,
        solved_at_first_contact=2, spared=3, ratings=ratings,
    )  # fmt: skip


def test_what_was_there_before_the_first_look_and_nobody_opened_is_no_first_contact(tmp_path: Path) -> None:
    desk = StoryDesk()
    desk.write("A", 0)
    for hours in (1, 2, 3):
        desk.answer("A", hours)
    desk.turn("A", 4, "solved")
    tickets = tickets_of(desk, tmp_path)
    tickets.look("d")
    found = figures(tickets)
    assert (found.solved, found.solved_at_first_contact, found.first_answer_h) == (1, 0, None)


def test_a_ticket_that_is_opened_again_is_open_and_its_new_solution_counts(tmp_path: Path) -> None:
    desk = StoryDesk()
    tickets = tickets_of(desk, tmp_path)
    tickets.look("d")
    desk.write("A", 0)
    desk.turn("A", 2, "solved")
    tickets.look("d")
    assert figures(tickets).solution_h == 2.0
    desk.answer("A", 3, mine=True, state="open")
    tickets.look("d")
    assert (figures(tickets).open, figures(tickets).solution_h) == (1, None)
    desk.turn("A", 9, "solved")
    tickets.look("d")
    assert (figures(tickets).solved, figures(tickets).solution_h) == (1, 9.0)


@pytest.mark.parametrize("seed", range(5))
def test_figures_of_any_story_are_what_a_slow_count_says(tmp_path: Path, seed: int) -> None:
    dice, desk = random.Random(seed), StoryDesk()
    tickets = tickets_of(desk, tmp_path)
    tickets.look("d")
    firsts, ends, scores, contacts, rated = list[float](), list[float](), list[int](), 0, dict[str, int]()
    for number in range(30):
        key, now = f"T{number}", float(number)
        desk.write(key, now)
        answers = dice.choice([0, 1, 1, 2, 5])
        for nth in range(answers):
            desk.answer(key, now := now + dice.randint(1, 40), automatic=False)
            if nth == 0:
                firsts.append(now - number)
            if dice.random() < 0.4:
                desk.answer(key, now := now + 1, mine=True)
            if dice.random() < 0.3:
                desk.answer(key, now := now + 1, automatic=True)
        if dice.random() < 0.6:
            over: State = dice.choice(["solved", "closed"])
            desk.turn(key, now := now + dice.randint(1, 99), over)
            ends.append(now - number)
            contacts += answers <= 1
            if dice.random() < 0.5:
                rated[key] = dice.randint(1, 5)
    tickets.look("d")
    for key, score in rated.items():
        tickets.rate(tickets.find(key), score)
        scores.append(score)
    found = figures(tickets)
    assert (found.tickets, found.solved, found.open) == (30, len(ends), 30 - len(ends))
    assert (found.first_answer_h, found.solution_h) == (middle(firsts), middle(ends))
    assert (found.satisfaction, found.rated) == (round(sum(scores) / len(scores), 2) if scores else None, len(scores))
    assert found.solved_at_first_contact == contacts


def middle(values: list[float]) -> float | None:
    values = sorted(values)
    return round((values[len(values) // 2] + values[(len(values) - 1) // 2]) / 2, 2) if values else None
