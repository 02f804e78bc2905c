"""The table "What happens when …" and the tests that hold it: no row without a test, no test without a row."""

import ast
import re
from functools import cache

import pytest
from docs.pages import page
from places import TESTS

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
    "the log or its folder cannot be read for a while (rights, a disk that fails, no descriptor left)": [
        "test_log_files::test_a_log_that_cannot_be_read_for_a_while",
        "test_log_files::test_a_descriptor_that_goes_bad",
        "test_log_trouble::test_a_folder_that_cannot_be_listed",
        "test_log_trouble::test_no_descriptor_is_left_to_look_with",
    ],
    "a folder or a pipe stands where the log should be": [
        "test_log_trouble::test_what_stands_where_the_log_should_be",
    ],
    "thousands of files match a pattern": [
        "test_log_many_files::test_the_live_log_is_read_first",
        "test_log_many_files::test_work_grows_with_the_number_of_files",
        "test_log_many_files::test_descriptors_are_bounded",
    ],
    "logs are deleted faster than the journal takes them": [
        "test_log_held::test_what_deleted_logs_hold_is_bounded",
        "test_log_held::test_losses_are_told_while_the_journal_is_full",
    ],
    "the process may have few files open": [
        "test_descriptors::test_who_wants_little_gets_it",
        "test_log_trouble::test_fewer_descriptors_than_logs",
    ],
    "a line is half written, or the gateway dies in the middle of one": [
        "test_log_faults::test_a_line_in_three_writes",
        "test_log_rotation::test_a_torn_last_line",
    ],
    "a line has CR LF, NUL bytes, broken UTF-8 or 4 MB": [
        "test_log_files::test_line_ends_of_another_system",
        "test_log_faults::test_bytes_that_are_no_text",
        "test_log_faults::test_a_line_of_ten_megabytes",
        "test_log_files::test_an_overlong_line_is_counted_once",
    ],
    "another program has wrapped an event's line (Docker, CRI, journald, Fluent Bit …) or cut it into pieces": [
        "test_carriers::test_a_record_of_any_form_is_opened",
        "test_records::test_pieces_are_put_together",
        "test_records::test_pieces_across_reads_and_restarts",
    ],
    "several events are on one line, or records have no line ends": [
        "test_carriers::test_two_events_on_one_line",
        "test_records::test_records_without_line_ends",
    ],
    "the log is in UTF-16": [
        "test_records::test_a_log_in_utf_16",
    ],
    "the machine's clock goes back": [
        "test_log_faults::test_a_clock_that_goes_back",
        "test_log_model::test_every_line_exactly_once",
    ],
    "a line, a number, a text or a nesting is absurd": [
        "test_fuzz::test_harmed_lines",
        "test_fuzz::test_any_pairs",
        "test_fuzz::test_what_would_take_a_parser_down",
        "test_fuzz::test_a_string_of_four_megabytes",
    ],
    # The process
    "the bridge is killed with `kill -9`, at any moment": [
        "test_process_faults::test_kill_9_at_every_statement",
        "test_journal::test_kill_9_loses_nothing_acknowledged",
        "test_end_to_end::test_nothing_is_lost_by_kill",
        "test_soak::test_a_short_soak",
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
    "another program holds the journal's write lock (an `sqlite3` shell within a transaction)": [
        "test_obstacles::test_a_foreign_write_lock_is_called_what_it_is",
        "test_disk_waits::test_a_lane_that_waits_for_the_disk_can_be_stopped",
        "test_http_source::test_503_says_what_keeps_the_journal",
    ],
    "another program leaves a read transaction on the journal open": [
        "test_obstacles::test_a_reader_that_is_left_open_is_noticed",
    ],
    "the disk is full": [
        "test_disk_faults::test_a_full_disk",
        "test_journal_faults::test_a_full_disk_and_room_again",
        "test_journal_retention::test_nearly_full_disk",
    ],
    "a destination is down for so long that `max_bytes` is reached": [
        "test_journal_retention::test_full_and_room_again",
        "test_log_source::test_a_full_journal",
        "test_log_source::test_logs_that_rotate_while_the_journal_is_full",
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
        "test_lane::test_block_that_went_bad_is_passed_over",
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
    # Events
    "a field has another type, a key stands twice, or bytes are no UTF-8": [
        "test_events::test_value_that_does_not_fit_stays_under_its_name",
        "test_events::test_last_of_a_repeated_key_counts",
        "test_events::test_bad_bytes_are_replaced",
        "test_events::test_huge_numbers",
        "test_events::test_any_bytes_are_an_event_or_refused_with_a_reason",
    ],
    "a gateway spells a field in another way (`userIP`, `user_ip`)": [
        "test_spellings::test_a_mask_hides_every_spelling",
        "test_spellings::test_identity_looks_under_every_spelling",
    ],
    "an event carries credentials in captured headers": [
        "test_rules::test_credentials_are_taken_out",
        "test_rules::test_credentials_in_every_place_that_headers_have",
        "test_rules::test_who_asks_for_a_header_by_name_gets_it",
        "test_secrets::test_no_secret_is_said_shown_or_kept",
    ],
    # HTTP in
    "a request has bad events beside good ones": [
        "test_http_source::test_rejected_events_are_named_by_index",
        "test_http_source::test_any_body_gets_an_answer",
        "test_http_body::test_no_bytes_break_the_splitter",
    ],
    "a body is cut off, longer or shorter than it says, or no HTTP at all": [
        "test_http_source::test_a_wrong_length_takes_nothing_it_should_not",
        "test_http_source::test_a_sender_that_goes_away_breaks_nothing",
        "test_http_source::test_what_is_no_http_is_400",
        "test_http_source::test_broken_gzip_is_400",
    ],
    "a body is larger than `max_body_bytes`, also when it is unpacked (a gzip bomb)": [
        "test_http_source::test_too_large_bodies_are_413",
        "test_http_source::test_a_gzip_bomb_takes_no_memory",
        "test_http_source::test_a_head_without_end_is_refused",
        "test_http_body::test_a_bomb_comes_in_small_pieces",
    ],
    "a few bytes of gzip hold millions of numbers, brackets or empty members": [
        "test_http_limits::test_a_small_request_with_too_much_in_it_is_refused",
        "test_http_limits::test_large_bodies_leave_room_to_others",
        "test_http_limits::test_work_ends_with_its_sender",
    ],
    "an event has more than 65,536 values, or is larger than 4 MiB": [
        "test_http_limits::test_an_event_has_a_greatest_size_on_every_path",
    ],
    "a sender is slow, or stops in the middle": [
        "test_http_source::test_a_slow_body_is_cut_off_and_holds_nobody_up",
        "test_http_source::test_a_head_that_comes_byte_by_byte_is_cut_off",
        "test_http_source::test_stalled_uploads_give_way",
        "test_listeners_end_to_end::test_hundreds_of_stalled_senders",
    ],
    "a thousand connections are open": [
        "test_http_source::test_a_thousand_idle_connections_are_survived",
        "test_http_source::test_too_many_connections_are_turned_away",
        "test_http_source::test_silent_connections_give_way",
        "test_http_source::test_a_thousand_senders_that_trickle_keep_nobody_out",
        "test_admin_listener::test_silent_connections_keep_no_probe_out",
        "test_admin_listener::test_readers_that_do_not_read_keep_nobody_out",
    ],
    "a sender half-closes its connection after its request": [
        "test_http_source::test_a_sender_that_half_closes_gets_its_answers",
        "test_admin_listener::test_a_caller_that_half_closes_gets_its_page",
    ],
    "the same request comes again": [
        "test_http_source::test_a_repeated_request_gives_duplicates",
        "test_intake::test_repeat_waits_for_the_first_ones_commit",
        "test_collector::test_one_body_four_times_at_once_arrives_once",
    ],
    "the journal is full or fails": [
        "test_http_source::test_503_while_the_journal_is_full",
        "test_collector::test_503_when_full_and_when_the_journal_fails",
        "test_intake::test_full_journal_takes_nothing",
    ],
    "a client of API Analytics sends a bad row, thousands of rows, or hangs up before the answer": [
        "test_api_analytics::test_a_bad_row_costs_no_other",
        "test_api_analytics::test_any_number_of_rows_and_of_requests",
        "test_api_analytics::test_rows_of_a_client_that_no_longer_waits",
        "test_api_analytics::test_rows_that_their_server_would_swallow",
    ],
    "a client of API Analytics sends its list again, with more behind it": [
        "test_api_analytics::test_a_list_that_comes_again_longer_is_counted_once",
        "test_from_api_analytics::test_calls_that_look_alike_are_different_calls",
        "test_api_analytics_clients::test_what_node_sends_again_is_counted_once",
    ],
    # Destinations
    "one of several destinations is down, slow or wrongly configured": [
        "test_lane::test_one_sink_down_changes_nothing_for_the_other",
        "test_lane::test_one_sink_that_hangs_changes_nothing_for_the_other",
        "test_lane::test_crashed_lane_is_restarted_alone",
        "test_end_to_end::test_one_sink_down_changes_nothing_for_the_other",
    ],
    "it refuses connections, its name is not known, or TLS or its certificate fails": [
        "test_lane::test_refused_connections_are_sat_out",
        "test_http_post::test_refused_connection",
        "test_http_post::test_plain_answer_to_tls",
        "test_http_way_out::test_name_that_is_not_known",
        "test_http_way_out::test_plain_http_where_tls_is_expected",
        "test_http_way_out::test_certificates_that_do_not_fit",
    ],
    "it hangs before, within or behind the headers of its answer, or takes or gives a byte at a time": [
        "test_destination_faults::test_slow_destinations_are_given_up_in_time",
        "test_destination_faults::test_the_status_alone_decides",
        "test_lane::test_hanging_request_times_out",
        "test_http_post::test_status_counts_though_the_body_never_comes",
    ],
    "the connection is reset in the request or in the answer": [
        "test_destination_faults::test_resets_before_the_status_are_tried_again",
        "test_http_post::test_what_is_no_http_answer",
    ],
    "the answer is lost after the events were taken": [
        "test_lane::test_lost_answer_repeats_with_the_same_ids",
        "test_sink_contract::test_payload_can_be_sent_again",
    ],
    "it answers 5xx for hours, or fails every other time": [
        "test_lane::test_long_outage_gives_nothing_up",
        "test_lane::test_server_trouble_is_sat_out",
        "test_destination_faults::test_alternating_success_and_failure",
    ],
    "it answers 429": [
        "test_lane::test_retry_after_is_honoured",
        "test_http_post::test_retry_after",
        "test_pace::test_retry_after_holds_the_lane_though_an_older_request_succeeds",
    ],
    "its answer is rubbish or never ends": [
        "test_lane::test_rubbish_in_a_good_answer_is_success",
        "test_lane::test_answer_that_never_ends_its_body_is_success",
        "test_http_post::test_answer_without_end_is_cut_off",
        "test_http_post::test_taken_batch_with_unreadable_compression_is_delivered",
    ],
    "it answers with a redirect": [
        "test_lane::test_redirect_does_not_take_the_key_elsewhere",
        "test_http_post::test_redirect_is_not_followed",
    ],
    "the URL or the method is wrong (404, 405 and the like)": [
        "test_lane::test_wrong_configuration_pauses_and_heals",
        "test_http_post::test_each_status_has_its_meaning",
    ],
    "the address is given up (410)": ["test_lane::test_wrong_configuration_pauses_and_heals"],
    "the key is refused, or a proxy asks for a password (401, 402, 403, 407)": [
        "test_lane::test_wrong_key_is_probed_slowly",
        "test_lane::test_wrong_configuration_pauses_and_heals",
        "test_destination_faults::test_proxy_that_asks_for_a_password_pauses_the_sink",
        "test_http_way_out::test_proxy_that_asks_for_a_password",
    ],
    "the key of one tenant is refused": [
        "test_parking::test_refused_tenant_is_parked_and_nobody_else_notices",
        "test_parking::test_everything_parked_goes_out_when_the_key_works",
        "test_moesif_ways::test_a_refused_tenant_is_parked_alone_and_goes_out_by_itself",
    ],
    "it refuses one event (400, 422), or fails at it each time while others pass": [
        "test_lane::test_one_poison_event_becomes_a_dead_letter",
        "test_lane::test_events_that_break_the_destination_are_found",
        "test_end_to_end::test_poison_events_become_dead_letters_and_can_be_replayed",
    ],
    "it refuses everything with 400": [
        "test_lane::test_refusing_everything_gives_nothing_up",
        "test_lane::test_refused_batch_is_given_up_when_others_pass",
    ],
    "it answers 413": [
        "test_destination_faults::test_413_at_different_sizes",
        "test_destination_faults::test_413_before_the_body_was_read",
        "test_lane::test_single_event_too_large",
    ],
    # Security
    "somebody without a token calls": [
        "test_http_source::test_tokens",
        "test_http_source::test_beyond_loopback_only_for_known_callers",
        "test_http_source_tls::test_callers_have_to_show_a_certificate",
        "test_admin_listener::test_token_guards_what_is_not_for_probes",
        "test_firehose::test_a_bad_key_is_refused",
        "test_collector::test_elsewhere_only_known_keys_are_let_in",
        "test_api_analytics::test_which_keys_will_do",
        "test_api_analytics::test_only_keys_that_are_set",
    ],
    "a web page in somebody's browser calls a listener without a token": [
        "test_admin_listener::test_foreign_web_pages_are_refused",
        "test_http_source::test_foreign_web_pages_cannot_post",
    ],
    "a certificate is renewed": [
        "test_http_source_tls::test_renewed_certificate_needs_no_restart",
        "test_admin_listener::test_tls",
        "test_http_way_out::test_rotated_authority_needs_no_restart",
    ],
    "something goes wrong inside while a caller waits": [
        "test_http_source::test_a_failure_tells_nothing_of_the_house",
        "test_http_source::test_answers_name_no_server_and_a_date",
        "test_admin_listener::test_no_answer_tells_of_the_house",
    ],
    "a secret of the configuration might be shown": [
        "test_secrets::test_no_secret_is_said_shown_or_kept",
        "test_http_post::test_keys_in_an_answer_are_blanked",
        "test_settings_load::test_frozen_and_silent_about_secrets",
        "test_settings_placeholders::test_faulty_value_hides_what_a_placeholder_stood_for",
    ],
    "others have accounts on the machine": [
        "test_footprint::test_nothing_is_written_outside_the_state_folder",
        "test_journal::test_state_folder_that_is_none",
        "test_file_sink::test_lines_are_the_events_with_the_bridge_in_front",
    ],
    "it runs as a user without rights, on a read-only root, with a read-only log": [
        "test_image_built::test_the_image_in_a_bare_root",
        "test_deployment::test_the_sidecar_is_locked_down",
        "test_deployment::test_compose_runs_the_bridge_as_the_image_asks",
    ],
    # Erasing data
    "somebody changes the token of a shared link, or tries another's": [
        "test_sandbox_holds::test_a_token_that_was_changed_is_none",
        "test_sandbox_holds::test_every_other_endpoint_is_closed",
        "test_sandbox_holds::test_lists_events_and_exports_see_the_sandbox_alone",
        "test_sandbox_copies::test_a_question_is_answered_as_by_a_filtered_copy",
    ],
    "a shared link is taken back while somebody looks": [
        "test_workspaces::test_several_links_hold_one_template_to_values_of_their_own",
        "test_sandbox_holds::test_a_stream_ends_when_its_token_is_taken_back",
    ],
    "somebody's data is erased from the analytics, and a bridge sends it again": [
        "test_erasures::test_a_user_is_erased_and_stays_away",
        "test_erasing::test_what_was_erased_does_not_come_back",
        "test_rebuilding::test_what_was_erased_is_not_rebuilt",
    ],
    "the process is killed while it erases, or its disk is full": [
        "test_erasures::test_kill_9_in_the_middle",
        "test_erasures::test_a_full_disk_is_said_and_waited_for",
    ],
}


def rows() -> list[str]:
    """Return the first cell of each row of the table, without its headings."""
    cells = re.findall(r"^\| (.*?) \|", page("what-happens-when.md"), re.MULTILINE)[1:]
    return [cell for cell in cells if not cell.startswith("**")]


@cache
def names_in(name: str) -> set[str]:
    (file,) = TESTS.rglob(f"{name}.py")
    tree = ast.parse(file.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_row_is_held() -> None:
    """The table in the page and the one here have the same rows, in the same order."""
    assert rows() == list(HELD)


@pytest.mark.parametrize("row", HELD)
def test_the_tests_of_a_row_are_there(row: str) -> None:
    """Each row names at least one test, and each of them exists."""
    assert HELD[row]
    for test in HELD[row]:
        file, _, name = test.partition("::")
        assert name in names_in(file), test
