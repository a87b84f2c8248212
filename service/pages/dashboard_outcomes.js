// What became of the decisions: how many outcomes were told, and whether the probabilities held.

import { make } from './elements.js';
import { drawDays, drawLegend } from './dashboard_days.js';
import { placeMarks } from './dashboard_marks.js';
import { drawBars, drawLine } from './dashboard_plot.js';
import { drawPerformance } from './dashboard_performance.js';
import { drawReliability } from './dashboard_reliability.js';
import { drawFigures } from './dashboard_table.js';
import { compact, count, day, figure, known, part, share, sum, things } from './dashboard_words.js';

/** Return the section. */
export function drawOutcomes(board) {
  const { cohorts, reliability } = board.outcomes;
  const told = sum(cohorts.map((cohort) => cohort.told));
  if (!told) return [make('p', { class: 'lead' }, 'No outcome has been told for the decisions of this period yet, so how right they were cannot be said.'),
    make('p', { class: 'remark' }, 'Outcomes come in by ', make('code', {}, `aval outcomes ${board.use_case} FILE`), ' or POST /outcomes.')];
  const weeks = cohorts.map((cohort) => cohort.week);
  const axis = { dates: weeks, marks: placeMarks(board.marks, weeks, board.zone, 7) };
  return [
    make('p', { class: 'lead' }, sentence(cohorts, told)),
    make('p', { class: 'remark' }, 'Whose decision was to decline seldom has an outcome, and what goes wrong early is told first: '
      + 'recent weeks speak of those whose outcome is known, not yet of all. Judge a week once most of its outcomes are there.'),
    make('div', { class: 'pair' }, coverage(cohorts, axis), rates(cohorts, axis), ...drawReliability(reliability), ranking(cohorts, axis)),
    table(cohorts),
    ...drawPerformance(board),
  ];
}

function sentence(cohorts, told) {
  const [decisions, bad, expected] = ['decisions', 'bad', 'expected_bad'].map((name) => sum(cohorts.map((cohort) => cohort[name])));
  return `Of ${things(decisions, 'decision')}, ${count(told)} (${share(part(told, decisions))}) have a told outcome. `
    + `Of these ${count(bad)} (${share(part(bad, told))}) turned out bad; their probabilities expected ${count(expected)} (${share(part(expected, told))}).`;
}

function coverage(cohorts, axis) {
  return drawDays({
    label: 'Outcomes told, by week of the decision', axis, most: Math.max(...cohorts.map((cohort) => cohort.decisions)), format: compact,
    whole: true, legend: drawLegend([['plain', 'told'], ['faint', 'not yet']]),
    paint: (plot) => [
      drawBars(plot, cohorts.map((cohort, at) => [at + 0.1, at + 0.9, cohort.told, cohort.decisions]), { class: 'bar faint' }),
      drawBars(plot, cohorts.map((cohort, at) => [at + 0.1, at + 0.9, 0, cohort.told]), { class: 'bar plain' })],
    read: (at) => `${week(cohorts[at])}: ${count(cohorts[at].told)} told of ${things(cohorts[at].decisions, 'decision')}, ${
      share(part(cohorts[at].told, cohorts[at].decisions))}`,
  });
}

function rates(cohorts, axis) {
  const seen = cohorts.map((cohort) => part(cohort.bad, cohort.told));
  const expected = cohorts.map((cohort) => part(cohort.expected_bad, cohort.told));
  return drawDays({
    label: 'Bad among told outcomes', axis, most: Math.max(0.01, ...seen.filter(known), ...expected.filter(known)),
    format: (value) => share(value).replace('.0%', '%'), legend: drawLegend([['line-plain', 'seen'], ['line-second', 'expected']]),
    paint: (plot) => [drawLine(plot, expected, 'second'), drawLine(plot, seen, 'plain')],
    read: (at) => `${week(cohorts[at])}: ${seen[at] === null ? 'no outcome told' : `${share(seen[at])} bad, ${share(expected[at])} expected`}`,
  });
}

function ranking(cohorts, axis) {
  const [auc, brier] = ['auc', 'brier'].map((name) => cohorts.map((cohort) => cohort[name]));
  if (!auc.some(known) && !brier.some(known)) return null;
  return drawDays({
    label: 'Quality of told outcomes', axis, most: 1, format: figure,
    legend: drawLegend([['line-plain', 'AUC, higher is better'], ['line-second', 'Brier, lower is better']]),
    paint: (plot) => [drawLine(plot, brier, 'second'), drawLine(plot, auc, 'plain')],
    read: (at) => `${week(cohorts[at])}: AUC ${known(auc[at]) ? figure(auc[at]) : 'too few'}, Brier ${known(brier[at]) ? figure(brier[at]) : 'too few'}`,
  });
}

function table(cohorts) {
  const heads = ['Week of the decision', 'Decisions', 'Told', 'Share told', 'Bad', 'Expected bad', 'Brier', 'AUC'];
  return drawFigures('cohorts', 'Outcomes by week', heads, () => cohorts.map((cohort) => [
    day(cohort.week), count(cohort.decisions), count(cohort.told), share(part(cohort.told, cohort.decisions)), count(cohort.bad),
    figure(cohort.expected_bad), known(cohort.brier) ? figure(cohort.brier) : 'too few', known(cohort.auc) ? figure(cohort.auc) : 'too few']));
}

function week(cohort) {
  return `Week of ${day(cohort.week)}`;
}
