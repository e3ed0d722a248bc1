from operations.bench_logs.plans import Statement, statements

_OUTPUT = """2026-11-23 07:00:00.1 UTC [7] LOG:  duration: 0.120 ms  bind stmt_1: SELECT 1
2026-11-23 07:00:00.1 UTC [7] LOG:  duration: 0.034 ms  statement: BEGIN READ ONLY;
2026-11-23 07:00:00.2 UTC [7] LOG:  duration: 4.560 ms  execute stmt_2:
\tSELECT count(*)
\tFROM logs WHERE username = $1 AND user_id = $2
2026-11-23 07:00:00.2 UTC [7] DETAIL:  Parameters: $1 = 'o''neill, $3 = ''x''', $2 = NULL
2026-11-23 07:00:00.3 UTC [7] LOG:  duration: 0.1 ms  bind stmt_3: SELECT 1
2026-11-23 07:00:00.3 UTC [7] DETAIL:  Parameters: $1 = '9'
2026-11-23 07:00:00.3 UTC [8] LOG:  duration: 12.5 ms  execute <unnamed>: WITH a AS (SELECT 2)
\tSELECT * FROM a
"""


def test_what_was_executed_is_read_with_its_parameters() -> None:
    assert statements(_OUTPUT) == [
        Statement(
            4.56,
            "SELECT count(*)\nFROM logs WHERE username = $1 AND user_id = $2",
            ("'o''neill, $3 = ''x'''", "NULL"),
        ),
        Statement(12.5, "WITH a AS (SELECT 2)\nSELECT * FROM a", ()),
    ]


def test_an_output_without_statements_has_none() -> None:
    assert statements("2026-11-23 07:00:00.1 UTC [1] LOG:  checkpoint starting: time\n") == []
