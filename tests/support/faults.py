"""Which test covers which fault: the faults that the house has to survive, and what is still open.

To add a test, name it under its fault in TESTS and take what it covers out of GAPS, and out of the table of what is
open in docs/reference/faults.md. What takes too long for a test stands in MEASURES. A fault of a room that there is
not yet stands in WAITING, under the module that will have it; once that is there, it has to be covered or a gap.
"""

from collections.abc import Mapping

FAULTS: Mapping[str, str] = {
    "W1": "a job's child is killed before, during and after its work, and while its end is noted",
    "W2": "a whole worker is killed with everything running and everything buffered",
    "W3": "of fifty workers a random one is killed every few seconds under load",
    "W4": "a worker is stopped until its jobs were rescued, and then goes on",
    "W5": "a worker is told to end while jobs run, short ones and long ones",
    "W6": "signals come twice, or during a claim; a parent dies before its children",
    "W7": "a handler leaves its process, crashes it, forks, closes and changes what it finds, or never lets go",
    "W8": "a handler takes too long: asleep, busy, or in a blocked call",
    "W9": "a handler takes too much memory: fast, slowly, in another process, by mapping",
    "W10": "a job kills its worker each time",
    "W11": "nothing of a worker's Python runs for two minutes",
    "W12": "an error that cannot be shown, is endless, or cannot be sent",
    "D1": "PostgreSQL is restarted, stopped at once, or killed, under load",
    "D2": "the server ends single connections, each role's",
    "D3": "nobody knows whether a commit happened",
    "D4": "the server falls silent, and connections stay open",
    "D5": "the database is away for long",
    "D6": "deadlock, serialisation failure, lock and statement timeouts",
    "D7": "no connection is free; the server takes no more; a pooler in between",
    "D8": "the disk is full, or cannot be written; a standby that only reads",
    "D9": "a transaction elsewhere stays open for long",
    "D10": "a million finished jobs and a hundred thousand waiting ones",
    "D11": "SQLite: many processes, a log left behind or gone, a broken page, a network file system",
    "D12": "migrations: two versions at work, many at once, a crash half-way, the way back",
    "D13": "clocks that are wrong, step, or change for summer",
    "R1": "Redis is flushed, restarted without its file, evicts, or has no memory left",
    "R2": "Redis is down when work is handed in",
    "R3": "a bell is heard by five workers",
    "R4": "a bell for a job that is unknown or over, or with a forged message",
    "R5": "the broker's own timeouts are too short, or its workers die on the way",
    "R6": "Redis fails over, falls silent, or is slow",
    "S1": "two leaders at once",
    "S2": "schedules that were missed, or make no sense",
    "S3": "ten thousand jobs fail at once",
    "S4": "one idempotency key from a hundred clients; keys of odd sizes",
    "S5": "cancelling meets claim, run, end, retry and rescue",
    "S6": "dependencies in a circle, on itself, on nothing, on very many, on the dead",
    "S7": "fifty workers at one rate limit",
    "S8": "a breaker opens, probes and closes",
    "S9": "low priority under a steady load of high",
    "S10": "dead letters at their largest number and age",
    "S11": "progress that is too much, too little, no number, too often, or too late",
    "A1": "bodies of odd sizes, lengths, depths and numbers",
    "A2": "job types and filters that try to be code",
    "A3": "ids of another workspace; pages and cursors that make no sense",
    "A4": "uploads of wrong kinds and with hostile names",
    "A5": "uploads that unpack to too much",
    "A6": "addresses that lead to where they must not",
    "A7": "receivers of webhooks that fail, hang, or want less",
    "A8": "text that means something to a terminal, a page, a table or a log",
    "A9": "a dashboard without a login, forged, or with very many watchers",
}

_WORKERS = "tests/jobs/test_faults.py"
_SERVER = "tests/jobs/test_server_faults.py"
_RACES = "tests/jobs/test_races.py"
_DATABASE = "tests/foundation/test_database_faults.py"
_KILL = "tests/jobs/test_kill.py"
_WORKER = "tests/jobs/test_worker.py"
_CHILDREN = "tests/jobs/test_children.py"
_LEASES = "tests/jobs/test_leases.py"
_UPKEEP = "tests/jobs/test_upkeep_store.py"
_PRESENCE = "tests/jobs/test_presence.py"
_CRON = "tests/jobs/schedules/test_cron.py"
_FIRING = "tests/jobs/schedules/test_firing.py"
_LIMITS = "tests/jobs/limits/test_service.py"
_BODY = "tests/foundation/test_body_limit.py"
_HEAD = "tests/foundation/test_head_limit.py"
_CONTEXT = "tests/jobs/test_context.py"
_SQL = "tests/jobs/test_sql.py"
_API = "tests/jobs/test_api.py"
_BROKERS = "tests/jobs/test_brokers.py"
_REDIS = "tests/jobs/test_broker_faults.py"
_REFUSALS = "tests/jobs/upkeep/test_refusals.py"
_MAKING = "tests/jobs/test_api_making.py"
_CHANGING = "tests/jobs/test_api_changing.py"
_TURNS = "tests/jobs/upkeep/test_turns.py"
_SQLITE = "tests/foundation/test_sqlite.py"
_MIGRATIONS = "tests/house/test_migrations.py"
_COMMANDS = "tests/journeys/test_command_line.py"

TESTS: Mapping[str, tuple[str, ...]] = {
    "W1": (
        f"{_KILL}::test_jobs_whose_worker_is_killed_are_finished_by_the_next_one_once",
        f"{_WORKERS}::test_a_worker_that_is_killed_at_any_step_loses_no_job_and_completes_none_twice",
    ),
    "W4": (f"{_KILL}::test_a_worker_that_was_stopped_for_long_finds_its_jobs_taken_over_and_is_refused",),
    "W5": (
        f"{_WORKER}::test_a_worker_that_stops_lets_running_jobs_finish_and_takes_no_more",
        f"{_WORKER}::test_what_is_not_finished_by_the_end_of_the_grace_is_killed_and_loses_no_attempt",
        f"{_WORKER}::test_a_light_job_that_outlasts_the_grace_is_given_back_without_losing_an_attempt",
        f"{_WORKERS}::test_a_worker_that_is_told_to_end_gives_long_jobs_back_uncharged",
    ),
    "W6": (
        "tests/foundation/test_children.py::test_no_child_outlives_a_parent_that_is_killed",
        f"{_CHILDREN}::test_nothing_outlives_a_process_that_is_killed",
        f"{_CHILDREN}::test_what_a_service_manager_tells_all_processes_is_the_workers_to_act_on",
        f"{_WORKERS}::test_a_worker_that_is_told_twice_to_end_finishes_what_is_short_and_takes_no_more",
        f"{_WORKERS}::test_a_worker_that_is_told_to_end_in_the_midst_of_a_step_leaves_no_job_behind",
        f"{_COMMANDS}::test_a_process_that_is_told_to_end_lets_its_worker_end_in_order",
        f"{_COMMANDS}::test_a_worker_that_is_to_outlive_its_terminal_does",
    ),
    "W7": (
        f"{_CHILDREN}::test_a_handler_that_ends_its_process_fails_its_job_and_the_next_one_runs",
        f"{_CHILDREN}::test_a_job_does_not_run_where_another_has_changed_its_surroundings",
        f"{_CHILDREN}::test_processes_that_a_handler_leaves_behind_are_killed_before_anybody_hears_of_its_end",
        f"{_CHILDREN}::test_a_job_that_takes_too_long_is_ended_for_that_reason",
        f"{_WORKER}::test_a_handler_that_wants_to_end_the_process_fails_its_job_alone",
    ),
    "W8": (
        f"{_CHILDREN}::test_a_handler_is_asked_to_end_when_its_time_is_nearly_up_and_may_tidy_up",
        f"{_CHILDREN}::test_a_job_that_takes_too_long_is_ended_for_that_reason",
        f"{_CHILDREN}::test_what_a_job_has_started_ends_with_its_time",
    ),
    "W9": (
        f"{_CHILDREN}::test_a_job_that_takes_too_much_memory_is_killed",
        f"{_CHILDREN}::test_memory_far_beyond_the_limit_is_refused_before_it_is_there",
        f"{_CHILDREN}::test_memory_that_processes_share_is_counted_once",
    ),
    "W10": (
        "tests/jobs/upkeep/test_rescue.py::test_a_job_that_workers_die_with_becomes_poison",
        f"{_WORKERS}::test_a_job_that_kills_its_workers_is_poison_and_those_beside_it_are_done",
    ),
    "W12": (f"{_CONTEXT}::test_an_error_of_any_sort_is_kept_within_bounds",),
    "D1": (
        f"{_DATABASE}::test_a_restarted_server_loses_nothing_that_was_done_and_is_used_again",
        f"{_SERVER}::test_a_server_that_is_restarted_under_load_loses_no_job_and_frees_none_of_a_living_worker",
    ),
    "D2": (
        f"{_DATABASE}::test_a_terminated_backend_refuses_its_transaction_and_no_other",
        f"{_DATABASE}::test_backends_terminated_while_idle_are_replaced_unnoticed",
        f"{_SERVER}::test_connections_that_the_server_ends_one_by_one_cost_no_job",
    ),
    "D3": (
        f"{_DATABASE}::test_a_commit_that_never_arrived_has_written_nothing",
        f"{_DATABASE}::test_a_commit_whose_answer_was_lost_is_refused_and_rings_nobody_though_it_happened",
        f"{_WORKER}::test_an_outcome_is_kept_once_however_often_the_database_refuses_or_lies",
        f"{_WORKER}::test_a_claim_that_seems_to_have_failed_leaves_no_job_behind",
        f"{_RACES}::test_a_job_with_a_key_whose_commit_was_not_answered_is_there_once_when_it_is_handed_in_again",
        f"{_RACES}::test_a_retry_whose_commit_was_not_answered_is_refused_the_second_time",
        f"{_RACES}::test_a_schedule_whose_firing_was_not_answered_fires_each_slot_once",
        f"{_RACES}::test_claims_and_settlements_that_fail_or_only_seem_to_lose_nothing",
    ),
    "D4": (
        f"{_DATABASE}::test_a_kept_connection_to_a_server_that_fell_silent_is_noticed",
        f"{_DATABASE}::test_a_server_that_falls_silent_during_a_statement_is_noticed",
        f"{_DATABASE}::test_a_server_whose_processes_are_stopped_is_noticed",
        f"{_SERVER}::test_a_session_on_a_wire_that_fell_silent_is_given_up_within_seconds_and_taken_again",
        f"{_SERVER}::test_workers_on_a_wire_that_fell_silent_go_on_when_it_speaks_again",
    ),
    "D6": (
        f"{_DATABASE}::test_of_two_transactions_that_wait_for_each_other_one_is_refused",
        f"{_DATABASE}::test_a_row_that_stays_locked_is_not_waited_for_without_end",
        f"{_DATABASE}::test_a_statement_that_takes_too_long_is_refused_and_writes_nothing",
        f"{_RACES}::test_statements_that_are_refused_by_chance_lose_no_job_and_do_none_twice",
        f"{_REFUSALS}::test_upkeep_that_is_refused_at_each_statement_in_turn_does_the_same_in_the_end",
    ),
    "D7": (
        "tests/foundation/test_database.py::test_a_database_whose_connections_are_all_taken_says_that_it_does_not_answer",
        f"{_DATABASE}::test_a_server_that_takes_no_more_connections_refuses_and_recovers",
        f"{_DATABASE}::test_behind_a_pooler_no_statement_is_prepared",
    ),
    "D8": (
        f"{_DATABASE}::test_a_full_disk_refuses_the_transaction_and_writes_nothing",
        f"{_DATABASE}::test_a_file_that_cannot_be_written_answers_readers_and_refuses_writers",
        f"{_DATABASE}::test_a_standby_answers_readers_and_refuses_writers",
    ),
    "D10": (
        f"{_UPKEEP}::test_finished_jobs_cost_the_engine_nothing",
        f"{_UPKEEP}::test_no_more_are_removed_at_once_than_asked_for",
    ),
    "D11": (
        f"{_WORKERS}::test_eight_processes_on_one_database_lose_no_job_and_do_none_twice",
        f"{_SQLITE}::test_the_log_that_a_killed_process_left_is_taken_in",
        f"{_SQLITE}::test_the_files_as_they_are_at_any_moment_hold_all_that_was_said_to_be_kept",
        f"{_SQLITE}::test_a_log_whose_end_did_not_reach_the_disk_counts_up_to_the_last_commit_that_did",
        f"{_SQLITE}::test_a_log_that_was_deleted_takes_the_latest_with_it_and_no_more",
        f"{_SQLITE}::test_a_damaged_file_is_refused_before_anything_is_written",
        f"{_SQLITE}::test_damage_that_is_met_later_is_called_so_and_nothing_is_written",
        f"{_SQLITE}::test_a_place_where_processes_can_share_no_log_is_refused",
        f"{_SQLITE}::test_a_networks_file_system_is_refused_by_name",
    ),
    "D12": (
        f"{_MIGRATIONS}::test_migrating_again_does_nothing_and_many_at_once_do_it_once",
        f"{_MIGRATIONS}::test_a_crash_half_way_leaves_the_old_tables_and_the_next_start_does_it_all",
        f"{_MIGRATIONS}::test_tables_of_a_newer_version_are_left_as_they_are_and_those_who_work_go_on",
        f"{_MIGRATIONS}::test_who_works_by_the_older_tables_can_still_write_into_the_newer",
    ),
    "D13": (
        f"{_PRESENCE}::test_each_worker_is_judged_by_its_own_lapse",
        f"{_CRON}::test_a_slot_in_the_hour_left_out_comes_once_when_the_gap_ends",
        f"{_CRON}::test_a_slot_in_the_hour_that_comes_twice_comes_the_first_time",
        f"{_CRON}::test_a_leap_day_waits_for_its_year",
        "tests/jobs/schedules/test_domain.py::test_a_clock_that_was_set_back_does_not_bring_a_slot_back",
        f"{_SERVER}::test_a_process_whose_clock_is_wrong_works_by_the_databases",
        f"{_RACES}::test_when_the_databases_clock_steps_back_work_goes_on_and_nothing_is_lost",
        f"{_PRESENCE}::test_a_worker_whose_last_beat_was_before_the_clock_was_set_back_is_dead_a_lapse_later",
        f"{_PRESENCE}::test_a_lock_that_is_missing_since_before_the_clock_was_set_back_is_missed_anew",
        f"{_TURNS}::test_a_turn_that_was_taken_before_the_clock_was_set_back_lasts_no_longer_than_others",
    ),
    "S1": (
        f"{_FIRING}::test_many_schedulers_at_once_fire_each_slot_once",
        f"{_FIRING}::test_a_leader_that_was_paused_in_the_midst_of_it_keeps_its_slot_and_doubles_none",
        f"{_FIRING}::test_a_leader_that_looked_long_ago_finds_nothing_left_to_take",
    ),
    "S2": (
        f"{_FIRING}::test_what_was_missed_is_dealt_with_as_the_schedule_says",
        "tests/jobs/schedules/test_domain.py::test_of_very_many_missed_slots_the_latest_are_made_up_for_and_the_others_counted",
        f"{_CRON}::test_what_never_comes_or_comes_too_often_is_refused_with_the_reason",
    ),
    "R1": (
        f"{_BROKERS}::test_jobs_survive_that_redis_is_emptied_and_away_and_that_their_worker_is_stopped",
        f"{_REDIS}::test_jobs_survive_a_redis_that_forgets_what_it_was_told_and_one_that_takes_nothing",
    ),
    "R6": (
        f"{_REDIS}::test_a_slow_redis_delays_a_job_by_less_than_five_seconds",
        f"{_REDIS}::test_a_worker_whose_connections_fell_silent_hears_of_new_jobs_within_a_minute",
        f"{_REDIS}::test_jobs_go_on_when_another_redis_that_knows_nothing_takes_the_place_of_one_that_died",
    ),
    "R2": (f"{_BROKERS}::test_the_caller_does_not_wait_for_a_redis_that_is_away",),
    "R3": (f"{_BROKERS}::test_a_worker_does_each_job_once_the_urgent_first_and_lives_through_nonsense",),
    "R4": (
        f"{_BROKERS}::test_a_message_that_is_no_id_names_no_job",
        "tests/jobs/test_rq.py::test_what_is_forged_is_refused_and_never_unpickled_and_the_worker_lives",
        "tests/jobs/test_celery.py::test_what_is_forged_is_refused_and_never_unpickled_and_the_worker_lives",
    ),
    "R5": (
        f"{_BROKERS}::test_the_job_of_a_killed_worker_is_done_by_the_next",
        "tests/jobs/test_celery.py::test_celery_hands_nothing_out_again_before_upkeep_has_rung_again",
    ),
    "S3": (
        "tests/jobs/test_domain.py::test_backoff_doubles_within_its_bounds_and_never_overflows",
        f"{_RACES}::test_ten_thousand_jobs_that_fail_at_once_come_back_spread_as_documented",
    ),
    "S4": (
        f"{_SQL}::test_a_workspace_has_one_job_of_an_idempotency_key",
        f"{_RACES}::test_a_key_that_a_hundred_clients_use_at_once_makes_one_job",
        f"{_RACES}::test_a_key_is_free_again_when_its_time_is_over",
        f"{_RACES}::test_a_key_of_any_length_is_a_key",
    ),
    "S7": (
        f"{_LIMITS}::test_fifty_takers_in_two_processes_never_exceed_rate_and_burst",
        f"{_LIMITS}::test_fifty_threads_together_never_exceed_rate_and_burst",
        f"{_LIMITS}::test_without_a_database_nobody_calls",
    ),
    "S8": (
        f"{_LIMITS}::test_after_so_many_failures_in_a_row_nobody_calls_for_a_while",
        f"{_LIMITS}::test_of_fifty_callers_in_two_processes_one_probes",
        "tests/jobs/test_moves.py::test_a_job_that_is_given_back_or_put_off_has_lost_no_attempt",
    ),
    "S9": (
        f"{_LEASES}::test_a_low_job_that_has_waited_its_bound_goes_before_an_urgent_one",
        "tests/jobs/test_domain.py::test_a_job_of_low_priority_is_served_before_any_that_turns_ready_an_ageing_per_step_later",
        f"{_RACES}::test_a_low_job_begins_in_spite_of_a_steady_stream_of_high_ones",
    ),
    "S10": (
        f"{_UPKEEP}::test_of_too_many_dead_letters_the_oldest_are_removed_in_each_workspace",
        f"{_UPKEEP}::test_dead_letters_are_removed_by_age",
    ),
    "S11": (
        f"{_CONTEXT}::test_progress_that_comes_too_often_is_left_out_but_not_the_last",
        f"{_CONTEXT}::test_progress_is_kept_within_what_makes_sense",
        f"{_RACES}::test_progress_after_the_end_is_refused",
    ),
    "A1": (
        f"{_CONTEXT}::test_plain_json_is_json_without_what_postgresql_refuses_and_plain_already",
        f"{_MAKING}::test_json_that_nobody_can_keep_is_refused",
        f"{_MAKING}::test_odd_json_is_kept_as_it_will_be_read",
        f"{_MAKING}::test_a_body_over_the_limit_is_refused_and_one_below_it_answered",
        f"{_BODY}::test_a_body_of_exactly_the_limit_passes",
        f"{_BODY}::test_one_byte_more_is_refused_as_soon_as_it_arrives",
        f"{_BODY}::test_a_declared_length_is_not_believed_when_it_lies",
        f"{_BODY}::test_a_body_that_hardly_moves_is_refused_and_one_that_moves_is_not",
        f"{_HEAD}::test_who_does_not_finish_a_head_is_told_so_and_hung_up_on",
        f"{_HEAD}::test_bytes_that_trickle_in_gain_no_time",
    ),
    "A2": (
        f"{_API}::test_a_filter_is_data_and_nothing_else",
        f"{_MAKING}::test_what_cannot_be_used_is_refused_by_name",
        f"{_CHANGING}::test_every_filter_finds_what_it_says_and_nothing_of_others",
        f"{_WORKER}::test_a_job_of_a_type_that_nobody_knows_is_dead_at_once",
    ),
    "A3": (
        f"{_API}::test_another_workspace_sees_and_changes_nothing",
        f"{_CHANGING}::test_another_workspace_finds_changes_and_removes_nothing",
        f"{_API}::test_parameters_that_make_no_sense_are_refused",
    ),
    "A4": (
        "tests/documents/test_decoding.py::test_what_is_not_accepted_is_refused_for_its_reason",
        "tests/documents/test_api.py::test_a_hostile_name_is_made_safe",
    ),
    "A5": (
        "tests/documents/test_decoding.py::test_a_pdf_whose_stream_grows_without_end_is_refused",
        "tests/documents/test_decoding.py::test_a_zip_that_is_attached_to_a_pdf_does_no_harm",
        "tests/documents/test_decoding.py::test_what_is_not_accepted_is_refused_for_its_reason",
        "tests/extraction/test_einvoice.py::test_xml_that_attacks_or_is_damaged_is_refused",
        "tests/documents/test_archives.py::test_an_archive_that_lies_as_a_whole_is_refused_as_a_whole",
        "tests/documents/test_archives.py::test_a_hundred_thousand_entries_are_refused_by_their_number_alone",
        "tests/documents/test_archives.py::test_an_entry_that_grows_beyond_its_word_is_stopped_there",
    ),
    "A8": (f"{_COMMANDS}::test_a_name_that_looks_like_markup_is_shown_as_it_is_and_ids_are_shown_whole",),
    "W2": (f"{_WORKERS}::test_everything_that_a_killed_worker_held_is_free_within_seconds_and_finished_by_the_next",),
    "W11": (
        f"{_WORKERS}::test_a_worker_whose_interpreter_is_held_for_long_completes_nothing_that_others_have_taken_over",
    ),
    "D5": (
        f"{_SERVER}::test_while_the_database_is_away_work_is_refused_at_once_and_afterwards_everything_goes_on",
        f"{_SERVER}::test_a_job_outlives_an_absence_of_the_server_that_is_longer_than_any_grace",
    ),
    "D9": (
        f"{_SERVER}::test_claims_stay_quick_while_a_transaction_elsewhere_stays_open",
        "tests/jobs/upkeep/test_hindrance.py::test_a_transaction_that_is_open_for_longer_than_ours_can_be_is_warned_of",
    ),
    "S5": (
        f"{_RACES}::test_cancelling_meets_claims_runs_completions_retries_and_leaves_every_job_in_one_end",
        f"{_RACES}::test_of_many_who_retry_the_same_dead_letter_one_does",
        "tests/jobs/upkeep/test_rescue.py::test_cancelling_that_meets_the_rescue_leaves_nothing_to_be_run_again",
        "tests/jobs/test_changes.py::test_children_hear_of_a_cancelled_parent_when_it_has_ended_and_not_before",
    ),
    "S6": (
        f"{_RACES}::test_a_job_cannot_wait_for_what_is_not_there_or_a_neighbours",
        f"{_RACES}::test_a_job_that_waits_for_thousands_begins_once_after_the_last",
        f"{_RACES}::test_a_child_of_the_dead_is_cancelled_and_one_of_the_removed_begins",
    ),
}

# What shows a fault at its full size, by a command of its own: `make soak`, `make bench-jobs`.
MEASURES: Mapping[str, tuple[str, ...]] = {
    "W3": ("benchmarks/soak/harm.py::hurt_workers",),
    "D1": ("benchmarks/soak/harm.py::restart",),
    "D5": ("benchmarks/soak/harm.py::stay_away",),
    "D9": ("benchmarks/soak/harm.py::hold_open",),
    "D10": ("benchmarks/jobs.py::claim",),
    "D12": ("benchmarks/soak/crew.py::start",),
}

WAITING: Mapping[str, frozenset[str]] = {
    "foundation/outbound.py": frozenset({"A6"}),
    "notices": frozenset({"A7"}),
    "transfers": frozenset({"A8"}),
    "web": frozenset({"A8", "A9"}),
}

# What is missing where the room is there already.
GAPS: Mapping[str, str] = {}
