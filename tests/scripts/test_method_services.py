# SPDX-License-Identifier: MIT
"""METHOD section 4, sentence by sentence: where each is kept, and what shows it. A validity gate is shown by
what violates it and sees the case refused or marked."""

from __future__ import annotations

import importlib
import re
from functools import cache

import pytest
from conftest import ROOT

#: What it says → (where it is kept: of assaylib, or FILE:FUNCTION; what tests it).
SENTENCES: dict[str, tuple[str, str]] = {
    "the headline is the highest rate at which the level holds, with an interval over fresh servers": (
        "scenarios.capacity.measure scenarios.knee.of_round scenarios.knee.over_rounds",
        "a_known_capacity_is_found_and_told the_interval_covers_the_truth"
        " errors_are_beyond_the_knee_whatever_the_latency",
    ),
    "beside it, at one rate below all knees: latencies, CPU per request, context switches": (
        "scenarios.fixed_rate.measure scenarios.readings.below_knee rig.opened service.pilot intervals.enough",
        "who_costs_least_at_one_rate a_rate_that_is_stated_is_held_against_the_pilot"
        " a_percentile_of_too_few_requests_is_none figures_per_request_are_of_the_same_requests"
        " the_pilot_s_rate_is_below_everybody_s",
    ),
    "rounds pass a declared steal rule, and what does not vary stands beside them": (
        "discard.declared discard.excuse rig.final",
        "rounds_are_discarded_by_their_covariate_only what_a_request_took_stands_beside_its_time",
    ),
    "a fixed grid in random order with fresh servers and a monotone fit": (
        "scenarios.knee.geometric scenarios.knee.monotone plan.order",
        "monotone_is_the_nearest_that_never_falls one_hiccup_at_a_low_rate_is_outvoted order_is_the_seed_s",
    ),
    "arrivals are planned; latency counts from the plan; in-flight is bounded; what is not sent is counted": (
        "bench/arrivals.c:arrivals_plan bench/load_run.c:may_send bench/load_result.c:load_result_planned",
        "poisson_arrivals_have_exponential_gaps stall_with_few_connections in_flight_is_bounded"
        " what_cannot_be_sent_is_counted",
    ),
    "samples are exact; a closed loop is labelled": (
        "bench/statistics.c:statistics_percentile bench/load_report.c:load_report_print",
        "percentiles_are_nearest_ranks sorts_as_qsort_does samples_beyond_the_end_are_told"
        " closed_loop_counts_what_it_sent",
    ),
    "a case that fails a gate has no number, and the gate is printed with its figure": (
        "gates.passes gates.tally sections.gates.gate_table scenarios.sections.gate_table",
        "a_rare_failure_of_the_rig_leaves_its_round_out_and_many_the_number"
        " no_round_is_left_out_for_what_the_server_did a_step_whose_gate_failed_has_no_number"
        " every_gate_is_printed_with_its_figure each_gate_is_violated_where_it_is_asked_for"
        " a_sound_process_has_all_of_its_gates_and_passes_them what_cannot_be_judged_is_refused",
    ),
    "gate: achieved ÷ offered": (
        "gates.validity.of scenarios.overload.gates scenarios.slow_downstream.gates soak.verdicts.judge",
        "each_gate_is_broken_by_its_figure_alone a_generator_that_is_too_small"
        " a_rate_that_cannot_be_served_fails_its_gate what_voids_an_overload what_voids_a_slow_downstream"
        " one_request_lost_is_too_many",
    ),
    "gate: the generator's own lag, else the tail is marked": (
        "gates.validity.of scenarios.capacity.of_level scenarios.mixed.gates scenarios.overload.gates"
        " scenarios.slow_downstream.gates soak.verdicts.judge",
        "a_generator_that_is_late own_lateness_is_told_apart an_answer_left_unread_is_own_lag"
        " a_late_generator_or_few_requests_say_nothing_of_the_level a_late_generator_marks_the_tails"
        " what_voids_a_slow_downstream connections_that_were_not_held_and_a_generator_that_was_late",
    ),
    "gate: Little's law in a closed loop": (
        "gates.validity.of scenarios.readings.maximum_gates bench/load_report.c:load_little_ratio",
        "a_server_that_forgets_half_of_its_connections_breaks_little_s_law"
        " the_closed_loop_of_heavy_requests_has_its_gates without_its_maximum_there_is_no_overload",
    ),
    "gate: nothing above its arithmetic ceiling": (
        "service._ceiling_hz scenarios.readings.ceiling_hz scenarios.readings.maximum_gates",
        "a_service_that_skips_the_wait what_waits_has_a_ceiling without_its_maximum_there_is_no_overload"
        " answers_under_way_when_a_window_begins_are_below_the_ceiling"
        " new_connections_that_were_none_and_held_ones_that_are_missing_have_no_number",
    ),
    "gate: response bytes as expected": (
        "gates.validity.other_bytes gates.of_server scenarios.overload.gates scenarios.slow_downstream.gates"
        " bench/load_class.c:right_reply",
        "a_server_that_replies_short one_wrong_reply_among_many_is_found faults_are_not_answers"
        " what_a_scenario_provokes_is_tolerated_and_no_more whatever_is_lost_is_the_first_thing_said",
    ),
    "gate: connections asked = connections held": (
        "gates.validity.of scenarios.connections._held_gate scenarios.lifecycle._await_clients"
        " soak.verdicts.judge",
        "a_server_that_drops_connections connections_that_were_not_held_give_no_number"
        " being_reopened_is_no_connection_lost connections_that_were_not_held_and_a_generator_that_was_late",
    ),
    "gate: who was saturated": (
        "gates.saturation scenarios.capacity.of_limit scenarios.readings.limits sections.gates.saturated"
        " scenarios.overload.over_saturated scenarios.lifecycle._gates scenarios.connections_view._limits",
        "who_is_saturated a_polling_generator_is_saturated_when_it_polls_no_more_or_is_late"
        " idle_polls_are_no_work a_server_that_works_is_saturated_and_says_so neighbours_that_are_taken_for_the_rig"
        " where_the_rig_s_level_ends_the_server_s_is_not_known who_was_at_his_limit_is_told"
        " where_the_rig_was_the_limit_throughput_is_a_bound"
        " who_is_at_his_limit_in_the_overload_is_asked_of_it_alone who_was_at_his_limit_is_told_of_the_overload_alone"
        " who_was_at_his_limit_before_sigterm_is_told who_was_at_his_limit_while_connections_were_active_is_told",
    ),
    "gate: steal and load within limits": (
        "discard.excuse gates.tally_host",
        "what_the_machine_did_stands_beside_the_gates a_busy_neighbour_is_seen_by_the_discard_rule"
        " a_stretch_that_the_host_took_has_no_p99 what_the_discard_rule_goes_by_is_in_every_line",
    ),
    "gate: a server that does nothing bounds the rig": (
        "gates.noop.closed_hz gates.validity.of scenarios.plans.rig_hz",
        "lost_requests_and_a_rate_that_is_the_rig_s the_pilot_asks_what_the_rig_can_carry"
        " a_maximum_that_is_the_rig_s_is_none a_throughput_near_the_rig_s_is_a_bound"
        " a_cell_of_the_map_near_the_rig_s_is_a_bound any_reply_will_do_from_a_server_that_does_nothing"
        " the_rig_is_asked_as_the_loop_that_it_bounds",
    ),
    "a step per load level, each with its warm-up; percentiles of a ramp are not blended": (
        "scenarios.capacity.families bench/load_json.c:write_blended bench/load_plan.c:load_plan_set_steps",
        "steps_are_not_blended steps_and_requests warm_up_is_not_counted",
    ),
    "processes of their own on stated CPUs; no delay, one write per reply": (
        "rig.server rig.downstream rig.start_load models/parts/http.c:http_conn_init"
        " models/parts/http_reply.c:http_conn_reply bench/connections.c:open_one",
        "each_is_a_process_on_the_cpu_that_is_stated one_write_and_no_delay an_event_ends_the_wait",
    ),
    "overload, slow downstream, memory as a slope, start-up, SIGTERM under load": (
        "scenarios.overload.judged scenarios.slow_downstream.judged scenarios.connections.per_connection"
        " scenarios.lifecycle.measure scenarios.lifecycle.sent_before",
        "an_overload_of_a_known_queue phases_of_a_known_stall slopes_of_memory_are_found_and_ranked"
        " what_is_dropped_is_not_taken_for_an_open_door what_was_under_way_at_sigterm_is_to_be_answered"
        " a_real_life_in_small",
    ),
    "tuned and default settings are different rows; the sweep is recorded": (
        "sweep.families sweep.settings scenarios.scenario.Scenario scenarios.map._threaded",
        "every_model_is_swept_by_what_it_uses the_defaults_that_are_named_are_those_of_the_models"
        " a_model_can_have_options_of_its_own each_size_of_a_pool_is_a_server_of_its_own"
        " no_figure_of_a_pool_is_without_its_threads one_pool_has_a_thread_for_every_connection_that_waits"
        " a_pool_has_threads_for_those_who_wait_and_else_for_the_cpu",
    ),
    "a busy machine is refused; force is recorded": (
        "machine.wait_until_quiet record.start",
        "a_busy_machine_is_refused waiting_for_quiet_ends forced_unfit_and_dirty_runs_say_so",
    ),
}


@cache
def known() -> set[str]:
    found: set[str] = set()
    for folder in ("scripts", "bench", "models"):
        for file in (ROOT / "tests" / folder).glob("test_*"):
            text = file.read_text("utf-8")
            pattern = r"^def test_(\w+)\(" if file.suffix == ".py" else r"\bcmocka_unit_test\((\w+)\)"
            found.update(re.findall(pattern, text, re.MULTILINE))
    return found


def kept(where: str) -> bool:
    file, _, function = where.partition(":")
    if function:
        return bool(re.search(rf"^[\w *]*\b{function}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE))
    module, _, attribute = where.rpartition(".")
    return callable(getattr(importlib.import_module(f"assaylib.{module}"), attribute, None))


@pytest.mark.parametrize("sentence", SENTENCES)
def test_every_sentence_is_kept_somewhere_and_tested(sentence: str) -> None:
    where, shown = SENTENCES[sentence]
    assert [name for name in where.split() if not kept(name)] == []
    assert [name for name in shown.split() if name not in known()] == []
