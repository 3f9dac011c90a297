import json

from infocap_tasks.report.answer import Answer

ROWS = [{"model": "a", "value": 0.123456789}, {"model": "b", "value": None}]


def test_people_read_the_shown_rows_and_the_lines():
    answer = Answer(ROWS, ["A line.", "Another."], shown=[{"model": "A"}])
    assert answer.render("table") == "model\nA\n\nA line.\nAnother."
    assert answer.render("md") == "| model |\n| --- |\n| A |\n\nA line.\nAnother."


def test_machines_read_full_numbers_without_lines():
    answer = Answer(ROWS, ["A line."], shown=[{"model": "A"}])
    assert answer.render("csv") == "model,value\na,0.123456789\nb,"
    assert json.loads(answer.render("json")) == ROWS
    assert json.loads(answer._replace(record={"all": 1}).render("json")) == {"all": 1}


def test_the_answer_stands_above_the_table_and_wide_has_all_rows():
    answer = Answer(ROWS, shown=[{"model": "A"}], headlines=["So."], brief=[{"model": "brief"}])
    assert answer.render("table") == "So.\n\nmodel\nbrief"
    assert answer.render("wide") == "So.\n\nmodel\nA"
    assert answer.render("md") == "So.\n\n| model |\n| --- |\n| A |"


def test_sentences_are_folded_for_terminals_alone():
    answer = Answer(ROWS, ["word " * 30])
    assert max(map(len, answer.render("table").splitlines())) <= 80
    assert "word " * 30 in answer.render("md")
