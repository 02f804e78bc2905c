"""The README's table "What happens when …" and the tests that hold it: no row without a test, no test without a row."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
README = (TESTS.parent / "README.md").read_text()

# Each row by its first cell, with the tests that hold it (`file::test`).
HELD: dict[str, list[str]] = {
    # The log
    "the log rotates, however often and however fast": [
        "test_log_faults::test_the_cascade_under_load",
        "test_log_rotation::test_rolls_between_two_looks",
        "test_log_rotation::test_real_output_of_log4j2",
        "test_log_model::test_every_line_exactly_once",
    ],
    "the log rotates while the bridge is down": [
        "test_log_rotation::test_a_torn_last_line_of_a_log_renamed_while_down",
        "test_log_rotation::test_the_old_log_is_read_to_its_end_before_the_new_one",
    ],
    "a log is deleted before the bridge has read it": [
        "test_log_rotation::test_a_log_that_vanished_while_the_bridge_was_down",
        "test_log_rotation::test_a_log_deleted_while_held_open_is_read_and_forgotten",
        "test_log_faults::test_a_log_that_is_deleted_and_made_anew",
    ],
    "the log is rotated by copy and truncation (`copytruncate`)": [
        "test_log_truncation::test_copytruncate",
        "test_log_truncation::test_copytruncate_seen_half_way",
        "test_log_truncation::test_a_truncated_log_is_read_from_its_start",
    ],
    "the log is truncated or written anew, even with the same first lines": [
        "test_log_faults::test_a_log_that_is_rewritten_with_the_same_head",
        "test_log_truncation::test_a_log_that_was_rewritten_longer_between_two_looks",
        "test_log_truncation::test_a_log_that_was_rewritten_while_down",
    ],
    "two logs begin alike, or a new one gets a deleted one's inode": [
        "test_log_rotation::test_two_logs_with_the_same_first_kilobyte",
        "test_log_rotation::test_a_new_log_with_the_inode_of_a_deleted_one",
    ],
    "a link to the log is pointed elsewhere": [
        "test_log_files::test_a_link_that_is_pointed_elsewhere",
    ],
    "rotated logs are compressed": [
        "test_log_files::test_a_rotated_log_that_is_compressed",
        "test_log_files::test_what_is_no_log",
    ],
    "the log cannot be read for a while": [
        "test_log_files::test_a_log_that_cannot_be_read_for_a_while",
        "test_log_files::test_a_descriptor_that_goes_bad",
    ],
    "a line is half written, or the gateway dies in the middle of one": [
        "test_log_faults::test_a_line_in_three_writes",
        "test_log_rotation::test_a_torn_last_line",
    ],
    "a line has CR LF, NUL bytes, broken UTF-8 or 10 MB": [
        "test_log_files::test_line_ends_of_another_system",
        "test_log_faults::test_bytes_that_are_no_text",
        "test_log_faults::test_a_line_of_ten_megabytes",
        "test_log_files::test_an_overlong_line_is_counted_once",
    ],
    "the machine's clock goes back": [
        "test_log_faults::test_a_clock_that_goes_back",
        "test_log_model::test_every_line_exactly_once",
    ],
    "a line, a number, a text or a nesting is absurd": [
        "test_fuzz::test_harmed_lines",
        "test_fuzz::test_any_pairs",
        "test_fuzz::test_what_would_take_a_parser_down",
        "test_fuzz::test_a_string_of_ten_megabytes",
    ],
    # The process
    "the bridge is killed with `kill -9`, at any moment": [
        "test_process_faults::test_kill_9_at_every_statement",
        "test_journal::test_kill_9_loses_nothing_acknowledged",
        "test_end_to_end::test_nothing_is_lost_by_kill",
    ],
    "it is stopped (SIGTERM) while it delivers or replays": [
        "test_process_faults::test_sigterm_during_a_replay",
        "test_operator_view::test_stopping_takes_what_is_there_and_loses_nothing",
    ],
    "two bridges are started on one state folder": [
        "test_process_faults::test_two_daemons_started_at_once",
        "test_operator_view::test_a_second_daemon_says_who_holds_the_state_folder",
    ],
    # The disk and the journal
    "the disk is full": [
        "test_disk_faults::test_a_full_disk",
        "test_journal_faults::test_a_full_disk_and_room_again",
        "test_journal_retention::test_nearly_full_disk",
    ],
    "a destination is down for so long that `max_bytes` is reached": [
        "test_journal_retention::test_full_and_room_again",
        "test_log_tail::test_a_full_journal",
        "test_log_tail::test_logs_that_rotate_while_the_journal_is_full",
    ],
    "it runs for years": [
        "test_journal_retention::test_a_days_churn",
        "test_journal_retention::test_delivered_blocks_give_way_to_new_ones",
    ],
    "the disk is read-only, or the state folder is not writable": [
        "test_disk_faults::test_a_read_only_disk",
        "test_disk_faults::test_a_journal_that_becomes_read_only",
        "test_journal::test_state_folder_that_is_none",
    ],
    "the disk is slow": [
        "test_disk_faults::test_a_slow_disk",
        "test_journal::test_event_loop_is_free_during_a_commit",
    ],
    "the disk fails for a while (I/O errors)": [
        "test_disk_faults::test_writes_that_fail_for_a_while",
        "test_journal_faults::test_an_io_error_is_no_damage",
    ],
    "bits of the journal flip": [
        "test_journal_faults::test_a_corrupt_block_is_passed_over",
        "test_journal_faults::test_a_flipped_bit_of_the_events_never_passes",
        "test_journal_tools::test_a_flipped_bit_costs_only_what_it_hit",
    ],
    "the journal's file is truncated, zeroed or overwritten": [
        "test_disk_faults::test_a_file_that_was_harmed",
        "test_journal_faults::test_a_file_that_was_cut_off",
        "test_journal_faults::test_a_bad_first_page",
        "test_journal_faults::test_nothing_but_garbage",
    ],
    "the journal's file is deleted or replaced while the bridge runs": [
        "test_disk_faults::test_deleted_while_running",
        "test_disk_faults::test_deleted_behind_an_open_journal",
    ],
    "`journal.db-wal` is missing at the start": [
        "test_disk_faults::test_a_wal_that_is_missing_at_the_start",
    ],
    "the state folder is a newer release's, or another program's": [
        "test_journal_faults::test_a_newer_schema_is_refused",
        "test_journal_faults::test_a_file_of_another_program",
    ],
    "the state folder is on a network file system": [
        "test_journal_faults::test_network_file_systems_are_refused",
    ],
}


def rows() -> list[str]:
    """Return the first cell of each row of the table, without its headings."""
    table = README.split("## What happens when …", 1)[1].split("\n## ", 1)[0]
    cells = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)[1:]
    return [cell for cell in cells if not cell.startswith("**")]


@cache
def names_in(name: str) -> set[str]:
    tree = ast.parse((TESTS / f"{name}.py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_row_is_held() -> None:
    """The table in the README and the one here have the same rows, in the same order."""
    assert rows() == list(HELD)


@pytest.mark.parametrize("row", HELD)
def test_the_tests_of_a_row_are_there(row: str) -> None:
    """Each row names at least one test, and each of them exists."""
    assert HELD[row]
    for test in HELD[row]:
        file, _, name = test.partition("::")
        assert name in names_in(file), test
